// AVX2 with FMA and F16C: Intel since Haswell (2013), AMD since Zen (2017).
#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "lanes_avx2.h"

#include "float_kernels.h"

/// Four activations as sixteen-bit numbers, four times over.
static inline __m256i broadcast_activations(const int8_t *a) {
    int32_t four;
    __builtin_memcpy(&four, a, 4);
    return _mm256_cvtepi8_epi16(_mm_set1_epi32(four));
}

/// (low pair, high pair) sums of four channels each, from two registers, to eight channels in order.
static inline __m256i join_pairs(__m256i first, __m256i second) {
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(first, second), 0xD8);
}

static inline void store_channels(const octavo_int8_matmul *p, size_t m, size_t n, __m256i sums) {
    __m256i correction = _mm256_set1_epi32((int32_t)((uint32_t)p->a_sum[m] << 7));
    __m256 y = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, correction));
    y = _mm256_mul_ps(_mm256_mul_ps(y, _mm256_set1_ps(p->a_scale[m])), _mm256_loadu_ps(p->w_scale + n));
    float *out = p->out + m * p->out_stride + n;
    _mm256_storeu_ps(out, p->accumulates ? _mm256_add_ps(_mm256_loadu_ps(out), y) : y);
}

/// ROWS activations by one panel. Products of signed activations and unsigned weights are summed in pairs of 32 bits by
/// vpmaddwd, which cannot saturate (2 * 127 * 255 < 2^31); vpmaddubsw could, and is not used.
#define PANEL(ROWS)                                                                                                \
    static inline void panel_##ROWS(const octavo_int8_matmul *p, size_t m, size_t panel) {                         \
        const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;                                                 \
        __m256i sums[ROWS][4];                                                                                     \
        for (int r = 0; r < ROWS; r++)                                                                             \
            for (int c = 0; c < 4; c++) sums[r][c] = _mm256_setzero_si256();                                       \
        for (size_t k = 0; k < p->depth; k += 4, w += 4 * OCTAVO_PANEL) {                                          \
            __m256i weights[4];                                                                                    \
            for (int c = 0; c < 4; c++)                                                                            \
                weights[c] = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(w + 16 * c)));                 \
            for (int r = 0; r < ROWS; r++) {                                                                       \
                __m256i a = broadcast_activations(p->a + (m + r) * p->depth + k);                                  \
                for (int c = 0; c < 4; c++)                                                                        \
                    sums[r][c] = _mm256_add_epi32(sums[r][c], _mm256_madd_epi16(a, weights[c]));                   \
            }                                                                                                      \
        }                                                                                                          \
        for (int r = 0; r < ROWS; r++) {                                                                           \
            store_channels(p, m + r, panel * OCTAVO_PANEL, join_pairs(sums[r][0], sums[r][1]));                    \
            store_channels(p, m + r, panel * OCTAVO_PANEL + 8, join_pairs(sums[r][2], sums[r][3]));                \
        }                                                                                                          \
    }

PANEL(2)
PANEL(1)

static void int8_matmul(const octavo_int8_matmul *p) {
    for (size_t panel = 0; panel < p->panels; panel++) {
        size_t m = 0;
        for (; m + 2 <= p->rows; m += 2) panel_2(p, m, panel);
        if (m < p->rows) panel_1(p, m, panel);
    }
}

static uint64_t int8_peak(size_t rounds) {
    enum { CHAINS = 10 };
    __m256i sums[CHAINS], a = _mm256_set1_epi16(3), w = _mm256_set1_epi16(5);
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_setzero_si256();
    for (size_t round = 0; round < rounds; round++) {
        __asm__ volatile("" : "+x"(a));  // or the product would be computed once
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(a, w));
    }
    __asm__ volatile("" : : "r"(sums) : "memory");
    return (uint64_t)rounds * CHAINS * 16;
}

const octavo_kernels octavo_kernels_avx2 = OCTAVO_TABLE("avx2");

#pragma clang attribute pop
#endif

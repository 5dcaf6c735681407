// AVX2 with FMA and F16C: Intel since Haswell (2013), AMD since Zen (2017).
#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "lanes_avx2.h"

#include "float_kernels.h"
#include "product_avx2.h"

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

/// ROWS activations, a constant, by one panel. Products of signed activations and unsigned weights are summed in pairs
/// of 32 bits by vpmaddwd, which cannot saturate (2 * 127 * 255 < 2^31); vpmaddubsw could, and is not used.
ALWAYS_INLINE void multiply_panel(const octavo_int8_matmul *p, size_t m, size_t panel, const int ROWS) {
    const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;
    size_t width = p->depth / p->groups;
    lanes totals[2];
    UNROLLED for (int r = 0; r < ROWS; r++) totals[r] = lanes_zero();
    for (size_t group = 0; group < p->groups; group++) {
        __m256i sums[2][4];
        UNROLLED for (int r = 0; r < ROWS; r++)
            UNROLLED for (int c = 0; c < 4; c++) sums[r][c] = _mm256_setzero_si256();
        for (size_t k = group * width; k < (group + 1) * width; k += 4, w += 4 * OCTAVO_PANEL) {
            __m256i weights[4];
            UNROLLED for (int c = 0; c < 4; c++)
                weights[c] = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(w + 16 * c)));
            UNROLLED for (int r = 0; r < ROWS; r++) {
                __m256i a = broadcast_activations(p->a + (m + r) * p->depth + k);
                UNROLLED for (int c = 0; c < 4; c++)
                    sums[r][c] = _mm256_add_epi32(sums[r][c], _mm256_madd_epi16(a, weights[c]));
            }
        }
        UNROLLED for (int r = 0; r < ROWS; r++) {
            integers channels = {join_pairs(sums[r][0], sums[r][1]), join_pairs(sums[r][2], sums[r][3])};
            totals[r] = add_group(p, m + r, group, channels, totals[r]);
        }
    }
    UNROLLED for (int r = 0; r < ROWS; r++) store_panel(p, m + r, panel, totals[r]);
}

static void int8_matmul(const octavo_int8_matmul *p) {
    for (size_t panel = 0; panel < p->panels; panel++) {
        size_t m = 0;
        for (; m + 2 <= p->rows; m += 2) multiply_panel(p, m, panel, 2);
        if (m < p->rows) multiply_panel(p, m, panel, 1);
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

// AVX-512 with VNNI: Intel since Cascade Lake (2019), AMD since Zen 4 (2022).
#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#include "lanes_avx512.h"

#include "float_kernels.h"

static inline void store_panel(const octavo_int8_matmul *p, size_t m, size_t panel, __m512i sums) {
    __m512i correction = _mm512_set1_epi32((int32_t)((uint32_t)p->a_sum[m] << 7));
    __m512 y = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, correction));
    y = _mm512_mul_ps(_mm512_mul_ps(y, _mm512_set1_ps(p->a_scale[m])), _mm512_loadu_ps(p->w_scale + panel * OCTAVO_PANEL));
    float *out = p->out + m * p->out_stride + panel * OCTAVO_PANEL;
    _mm512_storeu_ps(out, p->accumulates ? _mm512_add_ps(_mm512_loadu_ps(out), y) : y);
}

/// ROWS activations by PANELS panels. vpdpbusd multiplies unsigned weights by four broadcast signed activations and
/// adds the four products to 32 bits, without saturation.
#define PANELS_BLOCK(ROWS, PANELS)                                                                                 \
    static inline void panels_##ROWS##x##PANELS(const octavo_int8_matmul *p, size_t m, size_t panel) {             \
        const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;                                                 \
        const int8_t *a = p->a + m * p->depth;                                                                     \
        size_t depth = p->depth;                                                                                   \
        __m512i sums[ROWS][PANELS];                                                                                \
        for (int r = 0; r < ROWS; r++)                                                                             \
            for (int c = 0; c < PANELS; c++) sums[r][c] = _mm512_setzero_si512();                                  \
        for (size_t k = 0; k < depth; k += 4) {                                                                    \
            __m512i weights[PANELS];                                                                               \
            for (int c = 0; c < PANELS; c++)                                                                       \
                weights[c] = _mm512_loadu_si512(w + c * OCTAVO_PANEL * depth + k * OCTAVO_PANEL);                  \
            for (int r = 0; r < ROWS; r++) {                                                                       \
                int32_t four;                                                                                      \
                __builtin_memcpy(&four, a + r * depth + k, 4);                                                     \
                __m512i activations = _mm512_set1_epi32(four);                                                     \
                for (int c = 0; c < PANELS; c++)                                                                   \
                    sums[r][c] = _mm512_dpbusd_epi32(sums[r][c], weights[c], activations);                         \
            }                                                                                                      \
        }                                                                                                          \
        for (int r = 0; r < ROWS; r++)                                                                             \
            for (int c = 0; c < PANELS; c++) store_panel(p, m + r, panel + c, sums[r][c]);                         \
    }

PANELS_BLOCK(8, 3)
PANELS_BLOCK(8, 1)
PANELS_BLOCK(4, 3)
PANELS_BLOCK(4, 1)
PANELS_BLOCK(1, 3)
PANELS_BLOCK(1, 1)

/// Eight rows by three panels keep 24 sums, 3 weights and the broadcasts in the 32 registers.
static void int8_matmul(const octavo_int8_matmul *p) {
    size_t panel = 0;
    for (; panel + 3 <= p->panels; panel += 3) {
        size_t m = 0;
        for (; m + 8 <= p->rows; m += 8) panels_8x3(p, m, panel);
        for (; m + 4 <= p->rows; m += 4) panels_4x3(p, m, panel);
        for (; m < p->rows; m++) panels_1x3(p, m, panel);
    }
    for (; panel < p->panels; panel++) {
        size_t m = 0;
        for (; m + 8 <= p->rows; m += 8) panels_8x1(p, m, panel);
        for (; m + 4 <= p->rows; m += 4) panels_4x1(p, m, panel);
        for (; m < p->rows; m++) panels_1x1(p, m, panel);
    }
}

static uint64_t int8_peak(size_t rounds) {
    enum { CHAINS = 16 };
    __m512i sums[CHAINS], a = _mm512_set1_epi8(3), w = _mm512_set1_epi8(5);
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_setzero_si512();
    for (size_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], w, a);
    __asm__ volatile("" : : "r"(sums) : "memory");
    return (uint64_t)rounds * CHAINS * 64;
}

const octavo_kernels octavo_kernels_avx512vnni = OCTAVO_TABLE("avx512vnni");

#pragma clang attribute pop
#endif

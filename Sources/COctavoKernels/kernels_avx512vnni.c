// AVX-512 with VNNI: Intel since Cascade Lake (2019), AMD since Zen 4 (2022).
#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#include "lanes_avx512.h"

#include "float_kernels.h"

/// What the kernel reads ahead: the panels that follow, a share of them with every block of rows.
typedef struct {
    const uint8_t *from;
    /// Cache lines to fetch with every OCTAVO_DEPTH of the depth.
    size_t lines;
} ahead;

static inline void store_panel(const octavo_int8_matmul *p, size_t m, size_t panel, __m512 total) {
    __m512 y = _mm512_mul_ps(total, _mm512_loadu_ps(p->w_scale + panel * OCTAVO_PANEL));
    float *out = output_row(p, m) + panel * OCTAVO_PANEL;
    _mm512_storeu_ps(out, adds_to_output(p, m) ? _mm512_add_ps(_mm512_loadu_ps(out), y) : y);
}

/// ROWS activations by PANELS panels, both constant so that the loops over them unroll and the sums stay in registers.
/// vpdpbusd multiplies unsigned weights by four broadcast signed activations and adds the four products to 32 bits,
/// without saturation.
ALWAYS_INLINE void multiply_block(
    const octavo_int8_matmul *p, size_t m, size_t panel, ahead next, const int ROWS, const int PANELS) {
    size_t depth = p->depth, width = depth / p->groups;
    const uint8_t *w = p->w + panel * OCTAVO_PANEL * depth;
    const int8_t *a = p->a + m * depth;
    __m512 totals[8][3];
    UNROLLED for (int r = 0; r < ROWS; r++)
        UNROLLED for (int c = 0; c < PANELS; c++) totals[r][c] = _mm512_setzero_ps();
    for (size_t group = 0; group < p->groups; group++) {
        __m512i sums[8][3];
        UNROLLED for (int r = 0; r < ROWS; r++) {
            // The weights' offset of 128 adds 128 times the sum of the activations.
            int32_t offset = (int32_t)((uint32_t)p->a_sum[(m + r) * p->groups + group] << 7);
            UNROLLED for (int c = 0; c < PANELS; c++) sums[r][c] = _mm512_set1_epi32(-offset);
        }
        for (size_t start = group * width; start < (group + 1) * width; start += OCTAVO_DEPTH) {
            for (size_t line = 0; line < next.lines; line++, next.from += 64) __builtin_prefetch(next.from, 0, 2);
            for (size_t k = start; k < start + OCTAVO_DEPTH; k += 4) {
                __m512i weights[3];
                UNROLLED for (int c = 0; c < PANELS; c++)
                    weights[c] = _mm512_loadu_si512(w + c * OCTAVO_PANEL * depth + k * OCTAVO_PANEL);
                UNROLLED for (int r = 0; r < ROWS; r++) {
                    int32_t four;
                    __builtin_memcpy(&four, a + r * depth + k, 4);
                    __m512i activations = _mm512_set1_epi32(four);
                    UNROLLED for (int c = 0; c < PANELS; c++)
                        sums[r][c] = _mm512_dpbusd_epi32(sums[r][c], weights[c], activations);
                }
            }
        }
        UNROLLED for (int r = 0; r < ROWS; r++) {
            __m512 scale = _mm512_set1_ps(p->a_scale[(m + r) * p->groups + group]);
            UNROLLED for (int c = 0; c < PANELS; c++)
                totals[r][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][c]), scale, totals[r][c]);
        }
    }
    UNROLLED for (int r = 0; r < ROWS; r++)
        UNROLLED for (int c = 0; c < PANELS; c++) store_panel(p, m + r, panel + c, totals[r][c]);
}

/// Up to eight rows by PANELS panels.
ALWAYS_INLINE void multiply_rows(
    const octavo_int8_matmul *p, size_t m, size_t rows, size_t panel, ahead next, const int PANELS) {
    switch (rows) {
    case 1: multiply_block(p, m, panel, next, 1, PANELS); break;
    case 2: multiply_block(p, m, panel, next, 2, PANELS); break;
    case 3: multiply_block(p, m, panel, next, 3, PANELS); break;
    case 4: multiply_block(p, m, panel, next, 4, PANELS); break;
    case 5: multiply_block(p, m, panel, next, 5, PANELS); break;
    case 6: multiply_block(p, m, panel, next, 6, PANELS); break;
    case 7: multiply_block(p, m, panel, next, 7, PANELS); break;
    default: multiply_block(p, m, panel, next, 8, PANELS); break;
    }
}

/// Eight rows by three panels keep 24 sums, 3 weights and the broadcasts in the 32 registers. The three panels stay in
/// the second-level cache for all rows while the next three are on their way to it; with few rows the step waits for
/// memory anyway, and the CPU's own prefetching does better.
static void int8_matmul(const octavo_int8_matmul *p) {
    size_t blocks = (p->rows + 7) / 8, panel_bytes = OCTAVO_PANEL * p->depth;
    for (size_t panel = 0; panel < p->panels; panel += 3) {
        size_t width = smaller(3, p->panels - panel);
        ahead next = {p->w + (panel + width) * panel_bytes, 0};
        if (p->rows >= 8 && panel + width < p->panels) next.lines = (3 * OCTAVO_PANEL + blocks - 1) / blocks;
        for (size_t m = 0; m < p->rows; m += 8, next.from += next.lines * p->depth) {
            size_t rows = smaller(8, p->rows - m);
            switch (width) {
            case 3: multiply_rows(p, m, rows, panel, next, 3); break;
            case 2: multiply_rows(p, m, rows, panel, next, 2); break;
            default: multiply_rows(p, m, rows, panel, next, 1); break;
            }
        }
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

// AVX2 with AVX-VNNI, the dot products of AVX-512 in 256 bits: Intel since Alder Lake (2021) and Sierra Forest (2024), which
// have no AVX-512; AMD since Zen 5 (2024), which has.
#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)

#include "lanes_avx2.h"

#include "float_kernels.h"
#include "product_avx2.h"

/// The most rows in a block: twelve sums, two registers of weights and a broadcast leave one of sixteen.
#define BLOCK_ROWS 6

/// ROWS activations, a constant, by one panel. vpdpbusd multiplies unsigned weights by four broadcast signed activations
/// and adds the four products to 32 bits, without saturation.
ALWAYS_INLINE void multiply_block(const octavo_int8_matmul *p, size_t m, size_t panel, const int ROWS) {
    const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;
    size_t width = p->depth / p->groups;
    lanes totals[BLOCK_ROWS];
    UNROLLED for (int r = 0; r < ROWS; r++) totals[r] = lanes_zero();
    for (size_t group = 0; group < p->groups; group++) {
        integers sums[BLOCK_ROWS];
        UNROLLED for (int r = 0; r < ROWS; r++) sums[r] = integers_zero();
        for (size_t k = group * width; k < (group + 1) * width; k += 4, w += 4 * OCTAVO_PANEL) {
            __m256i low = _mm256_loadu_si256((const __m256i *)w), high = _mm256_loadu_si256((const __m256i *)(w + 32));
            UNROLLED for (int r = 0; r < ROWS; r++) {
                int32_t four;
                __builtin_memcpy(&four, p->a + (m + r) * p->depth + k, 4);
                __m256i activations = _mm256_set1_epi32(four);
                sums[r].low = _mm256_dpbusd_avx_epi32(sums[r].low, low, activations);
                sums[r].high = _mm256_dpbusd_avx_epi32(sums[r].high, high, activations);
            }
        }
        UNROLLED for (int r = 0; r < ROWS; r++) totals[r] = add_group(p, m + r, group, sums[r], totals[r]);
    }
    UNROLLED for (int r = 0; r < ROWS; r++) store_panel(p, m + r, panel, totals[r]);
}

static void int8_matmul(const octavo_int8_matmul *p) {
    size_t blocks = (p->rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    for (size_t panel = 0; panel < p->panels; panel++)
        for (size_t block = 0; block < blocks; block++) {
            size_t m = p->rows * block / blocks;
            switch (p->rows * (block + 1) / blocks - m) {
            case 1: multiply_block(p, m, panel, 1); break;
            case 2: multiply_block(p, m, panel, 2); break;
            case 3: multiply_block(p, m, panel, 3); break;
            case 4: multiply_block(p, m, panel, 4); break;
            case 5: multiply_block(p, m, panel, 5); break;
            default: multiply_block(p, m, panel, 6); break;
            }
        }
}

static uint64_t int8_peak(size_t rounds) {
    enum { CHAINS = 12 };
    __m256i sums[CHAINS], a = _mm256_set1_epi8(3), w = _mm256_set1_epi8(5);
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_setzero_si256();
    for (size_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_dpbusd_avx_epi32(sums[i], w, a);
    __asm__ volatile("" : : "r"(sums) : "memory");
    return (uint64_t)rounds * CHAINS * 32;
}

const octavo_kernels octavo_kernels_avxvnni = OCTAVO_TABLE("avxvnni");

#pragma clang attribute pop
#endif

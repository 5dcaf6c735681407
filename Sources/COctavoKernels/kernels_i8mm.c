// NEON with the products of 8-bit matrices: Armv8.6 with FEAT_I8MM, that is Neoverse V1 and N2, Graviton3, and Apple M2
// onwards.
#if defined(__aarch64__)
#pragma STDC FP_CONTRACT OFF

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

#include "lanes_neon.h"

#include "float_kernels.h"
#include "product_neon.h"

/// The most pairs of rows in a block: 24 sums, three of activations, and weights in pairs leave few of 32 registers.
#define BLOCK_PAIRS 3

/// Eight activations of each of two rows.
static inline int8x16_t load_pair(const octavo_int8_matmul *p, size_t m, size_t k) {
    const int8_t *a = p->a + m * p->depth + k;
    return vcombine_s8(vld1_s8(a), vld1_s8(a + p->depth));
}

/// Eight weights of each of two channels, for four channels from `w`: packed are four of each and then the next four.
static inline uint8x16x2_t load_channels(const uint8_t *w) {
    uint32x4_t first = vreinterpretq_u32_u8(vld1q_u8(w));
    uint32x4_t second = vreinterpretq_u32_u8(vld1q_u8(w + 4 * OCTAVO_PANEL));
    return (uint8x16x2_t){
        {vreinterpretq_u8_u32(vzip1q_u32(first, second)), vreinterpretq_u8_u32(vzip2q_u32(first, second))}};
}

/// Four channels of row m of a pair, from the integer sums of one group: adds to what the groups before have given.
static inline float32x4_t add_group(
    const octavo_int8_matmul *p, size_t m, size_t group, int32x4_t sums, float32x4_t total) {
    size_t index = m * p->groups + group;
    // The weights' offset of 128 has added 128 times the sum of the activations.
    int32x4_t offset = vdupq_n_s32((int32_t)((uint32_t)p->a_sum[index] << 7));
    return vfmaq_f32(total, vcvtq_f32_s32(vsubq_s32(sums, offset)), vdupq_n_f32(p->a_scale[index]));
}

/// PAIRS pairs of activations, a constant, by one panel. usmmla multiplies two channels of eight unsigned weights by two
/// rows of eight signed activations, and adds the four dot products, channel by channel, to 32 bits each.
ALWAYS_INLINE void multiply_pairs(const octavo_int8_matmul *p, size_t m, size_t panel, const int PAIRS) {
    const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;
    size_t width = p->depth / p->groups;
    float32x4_t totals[2 * BLOCK_PAIRS][4];
    UNROLLED for (int r = 0; r < 2 * PAIRS; r++)
        UNROLLED for (int c = 0; c < 4; c++) totals[r][c] = vdupq_n_f32(0);
    for (size_t group = 0; group < p->groups; group++) {
        int32x4_t sums[BLOCK_PAIRS][8];
        UNROLLED for (int r = 0; r < PAIRS; r++)
            UNROLLED for (int c = 0; c < 8; c++) sums[r][c] = vdupq_n_s32(0);
        for (size_t k = group * width; k < (group + 1) * width; k += 8, w += 8 * OCTAVO_PANEL) {
            int8x16_t a[BLOCK_PAIRS];
            UNROLLED for (int r = 0; r < PAIRS; r++) a[r] = load_pair(p, m + 2 * r, k);
            UNROLLED for (int c = 0; c < 4; c++) {
                uint8x16x2_t weights = load_channels(w + 16 * c);
                UNROLLED for (int r = 0; r < PAIRS; r++) {
                    sums[r][2 * c] = vusmmlaq_s32(sums[r][2 * c], weights.val[0], a[r]);
                    sums[r][2 * c + 1] = vusmmlaq_s32(sums[r][2 * c + 1], weights.val[1], a[r]);
                }
            }
        }
        UNROLLED for (int r = 0; r < PAIRS; r++)
            UNROLLED for (int c = 0; c < 4; c++) {
                int32x4_t even = vuzp1q_s32(sums[r][2 * c], sums[r][2 * c + 1]);
                int32x4_t odd = vuzp2q_s32(sums[r][2 * c], sums[r][2 * c + 1]);
                totals[2 * r][c] = add_group(p, m + 2 * r, group, even, totals[2 * r][c]);
                totals[2 * r + 1][c] = add_group(p, m + 2 * r + 1, group, odd, totals[2 * r + 1][c]);
            }
    }
    UNROLLED for (int r = 0; r < 2 * PAIRS; r++)
        UNROLLED for (int c = 0; c < 4; c++) store_channels(p, m + r, panel * OCTAVO_PANEL + 4 * c, totals[r][c]);
}

static void int8_matmul(const octavo_int8_matmul *p) {
    size_t pairs = p->rows / 2, blocks = (pairs + BLOCK_PAIRS - 1) / BLOCK_PAIRS;
    for (size_t panel = 0; panel < p->panels; panel++) {
        for (size_t block = 0; block < blocks; block++) {
            size_t first = pairs * block / blocks;
            switch (pairs * (block + 1) / blocks - first) {
            case 1: multiply_pairs(p, 2 * first, panel, 1); break;
            case 2: multiply_pairs(p, 2 * first, panel, 2); break;
            default: multiply_pairs(p, 2 * first, panel, 3); break;
            }
        }
        if (p->rows % 2 != 0) multiply_panel(p, p->rows - 1, panel, 1);
    }
}

static uint64_t int8_peak(size_t rounds) {
    enum { CHAINS = 16 };
    int32x4_t sums[CHAINS];
    uint8x16_t w = vdupq_n_u8(5);
    int8x16_t a = vdupq_n_s8(3);
    for (int i = 0; i < CHAINS; i++) sums[i] = vdupq_n_s32(0);
    for (size_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) sums[i] = vusmmlaq_s32(sums[i], w, a);
    __asm__ volatile("" : : "r"(sums) : "memory");
    return (uint64_t)rounds * CHAINS * 32;
}

const octavo_kernels octavo_kernels_i8mm = OCTAVO_TABLE("i8mm");

#pragma clang attribute pop
#endif

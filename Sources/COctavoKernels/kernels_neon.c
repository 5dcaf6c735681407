// NEON with the dot-product instructions: Armv8.2 with FEAT_DotProd, that is Neoverse N1 and Apple M1 onwards.
#if defined(__aarch64__)
#pragma STDC FP_CONTRACT OFF

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "lanes_neon.h"

#include "float_kernels.h"

static inline void store_channels(const octavo_int8_matmul *p, size_t m, size_t n, int32x4_t sums) {
    float32x4_t y = vmulq_n_f32(vcvtq_f32_s32(sums), p->a_scale[m]);
    y = vmulq_f32(y, vld1q_f32(p->w_scale + n));
    float *out = p->out + m * p->out_stride + n;
    vst1q_f32(out, p->accumulates ? vaddq_f32(vld1q_f32(out), y) : y);
}

/// ROWS activations by one panel; flipping the top bit of a packed weight makes it signed again for sdot.
#define PANEL(ROWS)                                                                                                \
    static inline void panel_##ROWS(const octavo_int8_matmul *p, size_t m, size_t panel) {                         \
        const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;                                                 \
        int32x4_t sums[ROWS][4];                                                                                   \
        for (int r = 0; r < ROWS; r++)                                                                             \
            for (int c = 0; c < 4; c++) sums[r][c] = vdupq_n_s32(0);                                               \
        for (size_t k = 0; k < p->depth; k += 4, w += 4 * OCTAVO_PANEL) {                                          \
            int8x16_t weights[4];                                                                                  \
            for (int c = 0; c < 4; c++)                                                                            \
                weights[c] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(w + 16 * c), vdupq_n_u8(0x80)));                \
            for (int r = 0; r < ROWS; r++) {                                                                       \
                int32_t four;                                                                                      \
                __builtin_memcpy(&four, p->a + (m + r) * p->depth + k, 4);                                         \
                int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(four));                                             \
                for (int c = 0; c < 4; c++) sums[r][c] = vdotq_s32(sums[r][c], weights[c], a);                     \
            }                                                                                                      \
        }                                                                                                          \
        for (int r = 0; r < ROWS; r++)                                                                             \
            for (int c = 0; c < 4; c++) store_channels(p, m + r, panel * OCTAVO_PANEL + 4 * c, sums[r][c]);        \
    }

PANEL(4)
PANEL(1)

static void int8_matmul(const octavo_int8_matmul *p) {
    for (size_t panel = 0; panel < p->panels; panel++) {
        size_t m = 0;
        for (; m + 4 <= p->rows; m += 4) panel_4(p, m, panel);
        for (; m < p->rows; m++) panel_1(p, m, panel);
    }
}

static uint64_t int8_peak(size_t rounds) {
    enum { CHAINS = 16 };
    int32x4_t sums[CHAINS];
    int8x16_t a = vdupq_n_s8(3), w = vdupq_n_s8(5);
    for (int i = 0; i < CHAINS; i++) sums[i] = vdupq_n_s32(0);
    for (size_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) sums[i] = vdotq_s32(sums[i], w, a);
    __asm__ volatile("" : : "r"(sums) : "memory");
    return (uint64_t)rounds * CHAINS * 16;
}

const octavo_kernels octavo_kernels_neon = OCTAVO_TABLE("neon");

#pragma clang attribute pop
#endif

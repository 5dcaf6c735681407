// NEON with the dot-product instructions: Armv8.2 with FEAT_DotProd, that is Neoverse N1 and Apple M1 onwards.
#if defined(__aarch64__)
#pragma STDC FP_CONTRACT OFF

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "lanes_neon.h"

#include "float_kernels.h"
#include "product_neon.h"

static void int8_matmul(const octavo_int8_matmul *p) {
    for (size_t panel = 0; panel < p->panels; panel++) {
        size_t m = 0;
        for (; m + 4 <= p->rows; m += 4) multiply_panel(p, m, panel, 4);
        for (; m < p->rows; m++) multiply_panel(p, m, panel, 1);
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

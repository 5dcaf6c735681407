// Sixteen lanes in four NEON registers.
#pragma once

#include <arm_neon.h>

#include "octavo_kernels.h"

typedef struct { float32x4_t part[4]; } lanes;
typedef struct { int32x4_t part[4]; } integers;

/// Queries that attention takes together, and lane groups of sums that it keeps in registers, half of the 32.
#define OCTAVO_QUERY_TILE 4
#define OCTAVO_SUM_TILE 4

#define EACH_PART for (int i = 0; i < 4; i++)

static inline lanes lanes_set(float x) { lanes r; EACH_PART r.part[i] = vdupq_n_f32(x); return r; }
static inline lanes lanes_zero(void) { return lanes_set(0); }
static inline lanes lanes_load(const float *p) { lanes r; EACH_PART r.part[i] = vld1q_f32(p + 4 * i); return r; }
static inline void lanes_store(float *p, lanes a) { EACH_PART vst1q_f32(p + 4 * i, a.part[i]); }
static inline lanes lanes_add(lanes a, lanes b) { EACH_PART a.part[i] = vaddq_f32(a.part[i], b.part[i]); return a; }
static inline lanes lanes_sub(lanes a, lanes b) { EACH_PART a.part[i] = vsubq_f32(a.part[i], b.part[i]); return a; }
static inline lanes lanes_mul(lanes a, lanes b) { EACH_PART a.part[i] = vmulq_f32(a.part[i], b.part[i]); return a; }
static inline lanes lanes_div(lanes a, lanes b) { EACH_PART a.part[i] = vdivq_f32(a.part[i], b.part[i]); return a; }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
    EACH_PART a.part[i] = vfmaq_f32(c.part[i], a.part[i], b.part[i]);
    return a;
}
static inline lanes lanes_max(lanes a, lanes b) { EACH_PART a.part[i] = vmaxq_f32(a.part[i], b.part[i]); return a; }
static inline lanes lanes_min(lanes a, lanes b) { EACH_PART a.part[i] = vminq_f32(a.part[i], b.part[i]); return a; }
static inline lanes lanes_abs(lanes a) { EACH_PART a.part[i] = vabsq_f32(a.part[i]); return a; }
static inline lanes lanes_round(lanes a) { EACH_PART a.part[i] = vrndnq_f32(a.part[i]); return a; }
static inline lanes lanes_scale(lanes a, lanes n) {
    EACH_PART {
        int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n.part[i]), vdupq_n_s32(127));
        a.part[i] = vmulq_f32(a.part[i], vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
    }
    return a;
}
static inline lanes lanes_keep_from(lanes a, lanes x, lanes limit) {
    EACH_PART {
        uint32x4_t keeps = vcgeq_f32(x.part[i], limit.part[i]);
        a.part[i] = vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a.part[i]), keeps));
    }
    return a;
}
static inline float lanes_fold_add(lanes a) {
    float32x4_t four = vaddq_f32(vaddq_f32(a.part[0], a.part[2]), vaddq_f32(a.part[1], a.part[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
static inline float lanes_fold_max(lanes a) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.part[0], a.part[2]), vmaxq_f32(a.part[1], a.part[3])));
}
static inline integers integers_zero(void) { integers r; EACH_PART r.part[i] = vdupq_n_s32(0); return r; }
static inline integers integers_add(integers a, integers b) {
    EACH_PART a.part[i] = vaddq_s32(a.part[i], b.part[i]);
    return a;
}
static inline integers lanes_to_integers(lanes a) {
    integers r;
    EACH_PART r.part[i] = vcvtq_s32_f32(a.part[i]);
    return r;
}
static inline void integers_store_int8(int8_t *p, integers a) {
    int16x8_t low = vcombine_s16(vmovn_s32(a.part[0]), vmovn_s32(a.part[1]));
    int16x8_t high = vcombine_s16(vmovn_s32(a.part[2]), vmovn_s32(a.part[3]));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}
static inline lanes lanes_load_int8(const int8_t *p) {
    lanes r;
    for (int i = 0; i < 2; i++) {
        int16x8_t eight = vmovl_s8(vld1_s8(p + 8 * i));
        r.part[2 * i] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(eight)));
        r.part[2 * i + 1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(eight)));
    }
    return r;
}
static inline int32_t integers_fold_add(integers a) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(a.part[0], a.part[1]), vaddq_s32(a.part[2], a.part[3])));
}
static inline lanes lanes_load_f16(const uint16_t *p) {
    lanes r;
    EACH_PART r.part[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
    return r;
}
static inline void lanes_store_f16(uint16_t *p, lanes a) {
    EACH_PART vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.part[i])));
}
static inline lanes lanes_load_bf16(const uint16_t *p) {
    lanes r;
    EACH_PART r.part[i] = vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16));
    return r;
}

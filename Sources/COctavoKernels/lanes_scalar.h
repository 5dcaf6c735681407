// Sixteen lanes in plain C: the meaning of every operation that the other lane headers must reproduce.
#pragma once

#include <math.h>
#include <string.h>

#include "octavo_kernels.h"

typedef struct { float lane[16]; } lanes;
typedef struct { int32_t lane[16]; } integers;

/// Queries that attention takes together, and lane groups of sums that it keeps in registers; any give the same bits.
#define OCTAVO_QUERY_TILE 4
#define OCTAVO_SUM_TILE 4

#define EACH_LANE for (int i = 0; i < 16; i++)

static inline lanes lanes_zero(void) { lanes r; EACH_LANE r.lane[i] = 0; return r; }
static inline lanes lanes_set(float x) { lanes r; EACH_LANE r.lane[i] = x; return r; }
static inline lanes lanes_load(const float *p) { lanes r; memcpy(r.lane, p, sizeof r.lane); return r; }
static inline void lanes_store(float *p, lanes a) { memcpy(p, a.lane, sizeof a.lane); }
static inline lanes lanes_add(lanes a, lanes b) { EACH_LANE a.lane[i] += b.lane[i]; return a; }
static inline lanes lanes_sub(lanes a, lanes b) { EACH_LANE a.lane[i] -= b.lane[i]; return a; }
static inline lanes lanes_mul(lanes a, lanes b) { EACH_LANE a.lane[i] *= b.lane[i]; return a; }
static inline lanes lanes_div(lanes a, lanes b) { EACH_LANE a.lane[i] /= b.lane[i]; return a; }
/// a * b + c, rounded once.
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
    EACH_LANE a.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
    return a;
}
static inline lanes lanes_max(lanes a, lanes b) {
    EACH_LANE a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}
static inline lanes lanes_min(lanes a, lanes b) {
    EACH_LANE a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}
static inline lanes lanes_abs(lanes a) { EACH_LANE a.lane[i] = fabsf(a.lane[i]); return a; }
/// To the nearest integer, halves to even.
static inline lanes lanes_round(lanes a) { EACH_LANE a.lane[i] = rintf(a.lane[i]); return a; }
/// a * 2^n for integral n in -126...127.
static inline lanes lanes_scale(lanes a, lanes n) {
    EACH_LANE {
        uint32_t bits = (uint32_t)((int32_t)n.lane[i] + 127) << 23;
        float power;
        memcpy(&power, &bits, 4);
        a.lane[i] *= power;
    }
    return a;
}
/// a where x >= limit, else 0.
static inline lanes lanes_keep_from(lanes a, lanes x, lanes limit) {
    EACH_LANE a.lane[i] = x.lane[i] >= limit.lane[i] ? a.lane[i] : 0;
    return a;
}
static inline float lanes_fold_add(lanes a) {
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) a.lane[i] += a.lane[i + width];
    return a.lane[0];
}
static inline float lanes_fold_max(lanes a) {
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) a.lane[i] = a.lane[i] > a.lane[i + width] ? a.lane[i] : a.lane[i + width];
    return a.lane[0];
}
static inline integers integers_zero(void) { integers r; EACH_LANE r.lane[i] = 0; return r; }
static inline integers integers_add(integers a, integers b) { EACH_LANE a.lane[i] += b.lane[i]; return a; }
/// Lanes that are integral, as integers.
static inline integers lanes_to_integers(lanes a) {
    integers r;
    EACH_LANE r.lane[i] = (int32_t)a.lane[i];
    return r;
}
/// Stores integers in -128...127 as bytes.
static inline void integers_store_int8(int8_t *p, integers a) { EACH_LANE p[i] = (int8_t)a.lane[i]; }
static inline lanes lanes_load_int8(const int8_t *p) { lanes r; EACH_LANE r.lane[i] = p[i]; return r; }
static inline int32_t integers_fold_add(integers a) {
    int32_t sum = 0;
    EACH_LANE sum += a.lane[i];
    return sum;
}

/// IEEE 754 binary16, by its fields.
static inline float scalar_from_f16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 31, fraction = half & 0x3FF;
    uint32_t bits;
    if (exponent == 31) {
        bits = sign | 0x7F800000 | fraction << 13;
        if (fraction) bits |= 0x400000;  // a signaling NaN comes out quiet, as the hardware has it
    } else if (exponent > 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        float magnitude = (float)fraction * 0x1p-24f;
        memcpy(&bits, &magnitude, 4);
        bits |= sign;
    }
    float result;
    memcpy(&result, &bits, 4);
    return result;
}
static inline uint16_t scalar_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
    if (magnitude >= 0x477FF000) return sign | 0x7C00;  // 65,520 and above round to infinity
    if (magnitude < 0x38800000) {                       // below the smallest normal number: count in units of 2^-24
        float absolute;
        memcpy(&absolute, &magnitude, 4);
        return (uint16_t)(sign | (uint16_t)rintf(absolute * 0x1p24f));
    }
    uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (uint16_t)((rounded - 0x38000000) >> 13));
}
static inline lanes lanes_load_f16(const uint16_t *p) { lanes r; EACH_LANE r.lane[i] = scalar_from_f16(p[i]); return r; }
static inline void lanes_store_f16(uint16_t *p, lanes a) { EACH_LANE p[i] = scalar_to_f16(a.lane[i]); }
static inline lanes lanes_load_bf16(const uint16_t *p) {
    lanes r;
    EACH_LANE {
        uint32_t bits = (uint32_t)p[i] << 16;
        memcpy(&r.lane[i], &bits, 4);
    }
    return r;
}

// The float kernels, written once over the sixteen lanes that an instruction set's lane header defines.
//
// A source file includes its lane header, then this: so all instruction sets run the same operations in the same
// order, and differ in speed alone.
#pragma once

#include "octavo_kernels.h"

static inline size_t padded_lanes(size_t count) { return (count + OCTAVO_LANES - 1) / OCTAVO_LANES * OCTAVO_LANES; }

/// exp(x): x = n ln 2 + r, |r| <= ln(2)/2, and the Taylor series of exp(r) to r^7/7! (error below 2^-27 relative).
/// Below -87 the result is 0; above 88 it stays at exp(88).
static inline lanes lanes_exp(lanes x) {
    lanes clamped = lanes_min(lanes_max(x, lanes_set(-87.0f)), lanes_set(88.0f));
    lanes n = lanes_round(lanes_mul(clamped, lanes_set(0x1.715476p+0f)));  // 1 / ln 2
    lanes r = lanes_fma(n, lanes_set(-0x1.62e4p-1f), clamped);            // ln 2 in two parts, the first short enough
    r = lanes_fma(n, lanes_set(-0x1.7f7d1cp-20f), r);                     // that n times it is exact
    lanes p = lanes_set(1.0f / 5040);
    p = lanes_fma(p, r, lanes_set(1.0f / 720));
    p = lanes_fma(p, r, lanes_set(1.0f / 120));
    p = lanes_fma(p, r, lanes_set(1.0f / 24));
    p = lanes_fma(p, r, lanes_set(1.0f / 6));
    p = lanes_fma(p, r, lanes_set(0.5f));
    p = lanes_fma(p, r, lanes_set(1.0f));
    p = lanes_fma(p, r, lanes_set(1.0f));
    return lanes_keep_from(lanes_scale(p, n), x, lanes_set(-87.0f));
}

static void rms_norm(const float *x, const float *w, float epsilon, size_t count, float *y) {
    size_t padded = padded_lanes(count);
    lanes squares = lanes_zero();
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) {
        lanes a = lanes_load(x + i);
        squares = lanes_fma(a, a, squares);
    }
    float mean = lanes_fold_add(squares) / (float)count;
    lanes factor = lanes_set(1.0f / __builtin_sqrtf(mean + epsilon));
    for (size_t i = 0; i < padded; i += OCTAVO_LANES)
        lanes_store(y + i, lanes_mul(lanes_load(w + i), lanes_mul(lanes_load(x + i), factor)));
}

static void quantize(const float *x, size_t count, int8_t *q, float *scale, int32_t *sum) {
    size_t padded = padded_lanes(count);
    lanes largest = lanes_zero();
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) largest = lanes_max(largest, lanes_abs(lanes_load(x + i)));
    float s = lanes_fold_max(largest) / 127.0f;
    s = s > 1e-5f ? s : 1e-5f;
    lanes inverse = lanes_set(1.0f / s), bound = lanes_set(127.0f), lower_bound = lanes_set(-127.0f);
    int32_t total = 0;
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) {
        lanes rounded = lanes_round(lanes_mul(lanes_load(x + i), inverse));
        total += lanes_store_int8(q + i, lanes_max(lanes_min(rounded, bound), lower_bound));
    }
    for (size_t i = padded; i % OCTAVO_DEPTH != 0; i++) q[i] = 0;
    *scale = s;
    *sum = total;
}

static void silu_multiply(const float *gate, const float *up, size_t count, float *y) {
    for (size_t i = 0; i < count; i += OCTAVO_LANES) {
        lanes g = lanes_load(gate + i);
        lanes denominator = lanes_add(lanes_set(1.0f), lanes_exp(lanes_sub(lanes_zero(), g)));
        lanes_store(y + i, lanes_mul(lanes_div(g, denominator), lanes_load(up + i)));
    }
}

static void to_f16(const float *x, size_t count, uint16_t *y) {
    for (size_t i = 0; i < count; i += OCTAVO_LANES) lanes_store_f16(y + i, lanes_load(x + i));
}
static void from_f16(const uint16_t *x, size_t count, float *y) {
    for (size_t i = 0; i < count; i += OCTAVO_LANES) lanes_store(y + i, lanes_load_f16(x + i));
}
static void from_bf16(const uint16_t *x, size_t count, float *y) {
    for (size_t i = 0; i < count; i += OCTAVO_LANES) lanes_store(y + i, lanes_load_bf16(x + i));
}

// MARK: - Float matrix multiplication

/// A block of ROWS x COLUMNS dot products: sixteen accumulators hide the latency of the multiply-adds, and each load
/// serves four of them.
#define FLOAT_MATMUL_BLOCK(NAME, ELEMENT, LOAD, ROWS, COLUMNS)                                                     \
    static inline void NAME##_##ROWS##x##COLUMNS(                                                                  \
        const float *x, const ELEMENT *w, size_t depth, float *out, size_t out_stride) {                           \
        lanes sums[ROWS][COLUMNS];                                                                                 \
        for (int m = 0; m < ROWS; m++)                                                                             \
            for (int n = 0; n < COLUMNS; n++) sums[m][n] = lanes_zero();                                           \
        for (size_t k = 0; k < depth; k += OCTAVO_LANES) {                                                         \
            lanes b[COLUMNS];                                                                                      \
            for (int n = 0; n < COLUMNS; n++) b[n] = LOAD(w + n * depth + k);                                      \
            for (int m = 0; m < ROWS; m++) {                                                                       \
                lanes a = lanes_load(x + m * depth + k);                                                           \
                for (int n = 0; n < COLUMNS; n++) sums[m][n] = lanes_fma(a, b[n], sums[m][n]);                     \
            }                                                                                                      \
        }                                                                                                          \
        for (int m = 0; m < ROWS; m++)                                                                             \
            for (int n = 0; n < COLUMNS; n++) out[m * out_stride + n] = lanes_fold_add(sums[m][n]);                \
    }

#define FLOAT_MATMUL(NAME, ELEMENT, LOAD)                                                                          \
    FLOAT_MATMUL_BLOCK(NAME, ELEMENT, LOAD, 4, 4)                                                                  \
    FLOAT_MATMUL_BLOCK(NAME, ELEMENT, LOAD, 1, 4)                                                                  \
    FLOAT_MATMUL_BLOCK(NAME, ELEMENT, LOAD, 1, 1)                                                                  \
    static void NAME(const octavo_float_matmul *p) {                                                               \
        const ELEMENT *w = p->w;                                                                                   \
        size_t n = 0;                                                                                              \
        for (; n + 4 <= p->columns; n += 4) {                                                                      \
            size_t m = 0;                                                                                          \
            for (; m + 4 <= p->rows; m += 4)                                                                       \
                NAME##_4x4(                                                                                        \
                    p->x + m * p->depth, w + n * p->depth, p->depth, p->out + m * p->out_stride + n, p->out_stride); \
            for (; m < p->rows; m++)                                                                               \
                NAME##_1x4(                                                                                        \
                    p->x + m * p->depth, w + n * p->depth, p->depth, p->out + m * p->out_stride + n, p->out_stride); \
        }                                                                                                          \
        for (; n < p->columns; n++)                                                                                \
            for (size_t m = 0; m < p->rows; m++)                                                                   \
                NAME##_1x1(                                                                                        \
                    p->x + m * p->depth, w + n * p->depth, p->depth, p->out + m * p->out_stride + n, p->out_stride); \
    }

FLOAT_MATMUL(float_matmul_f32, float, lanes_load)
FLOAT_MATMUL(float_matmul_f16, uint16_t, lanes_load_f16)
FLOAT_MATMUL(float_matmul_bf16, uint16_t, lanes_load_bf16)

static void float_matmul(const octavo_float_matmul *p) {
    switch (p->type) {
    case OCTAVO_F32: float_matmul_f32(p); break;
    case OCTAVO_F16: float_matmul_f16(p); break;
    case OCTAVO_BF16: float_matmul_bf16(p); break;
    }
}

// MARK: - Attention

/// Turns `length` scores into exp(score - max) and returns their sum; the padding becomes 0.
static inline float exponentiate(float *scores, size_t length) {
    size_t padded = padded_lanes(length);
    for (size_t t = length; t < padded; t++) scores[t] = -__builtin_inff();
    lanes largest = lanes_load(scores);
    for (size_t t = OCTAVO_LANES; t < padded; t += OCTAVO_LANES) largest = lanes_max(largest, lanes_load(scores + t));
    lanes maximum = lanes_set(lanes_fold_max(largest)), sum = lanes_zero();
    for (size_t t = 0; t < padded; t += OCTAVO_LANES) {
        lanes p = lanes_exp(lanes_sub(lanes_load(scores + t), maximum));
        lanes_store(scores + t, p);
        sum = lanes_add(sum, p);
    }
    return lanes_fold_add(sum);
}

#define ATTENTION(NAME, ELEMENT, LOAD)                                                                             \
    static inline void NAME##_scores(const octavo_attention *p, size_t stride) {                                   \
        for (size_t start = 0; start < p->length; start += p->block_length) {                                      \
            size_t offset = (size_t)p->blocks[start / p->block_length] * p->block_stride;                          \
            const ELEMENT *keys = (const ELEMENT *)((const char *)p->keys + offset);                               \
            size_t count = p->length - start < p->block_length ? p->length - start : p->block_length;              \
            for (size_t t = 0; t < count; t++)                                                                     \
                for (size_t h = 0; h < p->heads; h++) {                                                            \
                    lanes sum = lanes_zero();                                                                      \
                    for (size_t d = 0; d < p->head_size; d += OCTAVO_LANES)                                        \
                        sum = lanes_fma(lanes_load(p->q + h * p->head_size + d), LOAD(keys + t * p->head_size + d), sum); \
                    p->scores[h * stride + start + t] = lanes_fold_add(sum);                                       \
                }                                                                                                  \
        }                                                                                                          \
    }                                                                                                              \
    static inline lanes NAME##_mix(const octavo_attention *p, const float *weights, size_t d) {                    \
        lanes sum = lanes_zero();                                                                                  \
        for (size_t start = 0; start < p->length; start += p->block_length) {                                      \
            size_t offset = (size_t)p->blocks[start / p->block_length] * p->block_stride;                          \
            const ELEMENT *values = (const ELEMENT *)((const char *)p->values + offset) + d;                       \
            size_t count = p->length - start < p->block_length ? p->length - start : p->block_length;              \
            for (size_t t = 0; t < count; t++)                                                                     \
                sum = lanes_fma(lanes_set(weights[start + t]), LOAD(values + t * p->head_size), sum);              \
        }                                                                                                          \
        return sum;                                                                                                \
    }                                                                                                              \
    static void NAME(const octavo_attention *p) {                                                                  \
        size_t stride = padded_lanes(p->length);                                                                   \
        NAME##_scores(p, stride);                                                                                  \
        for (size_t h = 0; h < p->heads; h++) {                                                                    \
            float *weights = p->scores + h * stride;                                                               \
            lanes total = lanes_set(exponentiate(weights, p->length));                                             \
            for (size_t d = 0; d < p->head_dimension; d += OCTAVO_LANES) {                                         \
                float mixed[OCTAVO_LANES];                                                                         \
                lanes_store(mixed, lanes_div(NAME##_mix(p, weights, d), total));                                   \
                size_t count = p->head_dimension - d < OCTAVO_LANES ? p->head_dimension - d : OCTAVO_LANES;        \
                __builtin_memcpy(p->out + h * p->out_stride + d, mixed, count * sizeof(float));                    \
            }                                                                                                      \
        }                                                                                                          \
    }

ATTENTION(attention_f32, float, lanes_load)
ATTENTION(attention_f16, uint16_t, lanes_load_f16)

// MARK: - Ceilings

/// Keeps the compiler from dropping what was computed.
static inline void keep_lanes(const lanes *values) { __asm__ volatile("" : : "r"(values) : "memory"); }

static uint64_t float_peak(size_t rounds) {
    enum { CHAINS = 10 };  // enough independent sums to hide the latency of a multiply-add
    lanes sums[CHAINS], factor = lanes_set(0.999f), term = lanes_set(0.001f);
    for (int i = 0; i < CHAINS; i++) sums[i] = lanes_set((float)i);
    for (size_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) sums[i] = lanes_fma(sums[i], factor, term);
    keep_lanes(sums);
    return (uint64_t)rounds * CHAINS * OCTAVO_LANES;
}

static float read_all(const float *x, size_t count) {
    lanes sums[4] = {lanes_zero(), lanes_zero(), lanes_zero(), lanes_zero()};
    for (size_t i = 0; i < count; i += 4 * OCTAVO_LANES)
        for (int j = 0; j < 4; j++) sums[j] = lanes_add(sums[j], lanes_load(x + i + j * OCTAVO_LANES));
    return lanes_fold_add(lanes_add(lanes_add(sums[0], sums[1]), lanes_add(sums[2], sums[3])));
}

/// The table of an instruction set whose file defines int8_matmul and int8_peak.
#define OCTAVO_TABLE(NAME)                                                                                         \
    {                                                                                                              \
        .name = NAME, .int8_matmul = int8_matmul, .float_matmul = float_matmul, .rms_norm = rms_norm,              \
        .quantize = quantize, .silu_multiply = silu_multiply, .attention_f32 = attention_f32,                      \
        .attention_f16 = attention_f16, .to_f16 = to_f16, .from_f16 = from_f16, .from_bf16 = from_bf16,            \
        .int8_peak = int8_peak, .float_peak = float_peak, .read_all = read_all,                                    \
    }

// The float kernels, written once over the sixteen lanes that an instruction set's lane header defines.
//
// A source file includes its lane header, then this: so all instruction sets run the same operations in the same
// order, and differ in speed alone.
#pragma once

#include "octavo_kernels.h"

/// For functions whose sizes are constants where they are called: their loops unroll and their sums stay in registers.
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
/// Where the product of row m goes, and whether it is added to what is there.
static inline float *output_row(const octavo_int8_matmul *p, size_t m) { return p->out + m / p->planes * p->out_stride; }
static inline int adds_to_output(const octavo_int8_matmul *p, size_t m) { return p->accumulates || m % p->planes != 0; }
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

static inline void quantize_group(const float *x, size_t padded, int8_t *q, float *scale, int32_t *sum) {
    lanes largest = lanes_zero();
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) largest = lanes_max(largest, lanes_abs(lanes_load(x + i)));
    float s = lanes_fold_max(largest) / 127.0f;
    s = s > 1e-5f ? s : 1e-5f;
    lanes inverse = lanes_set(1.0f / s), bound = lanes_set(127.0f), lower_bound = lanes_set(-127.0f);
    integers total = integers_zero();
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) {
        lanes rounded = lanes_round(lanes_mul(lanes_load(x + i), inverse));
        integers whole = lanes_to_integers(lanes_max(lanes_min(rounded, bound), lower_bound));
        integers_store_int8(q + i, whole);
        total = integers_add(total, whole);
    }
    *scale = s;
    *sum = integers_fold_add(total);
}

static void quantize(const float *x, size_t count, size_t groups, int8_t *q, float *scales, int32_t *sums) {
    size_t padded = padded_lanes(count), width = padded / groups;
    for (size_t g = 0; g < groups; g++) quantize_group(x + g * width, width, q + g * width, scales + g, sums + g);
    for (size_t i = padded; i % OCTAVO_DEPTH != 0; i++) q[i] = 0;
}

static float quantize_cached(const float *x, size_t count, int8_t *q) {
    lanes not_finite = lanes_zero();
    for (size_t i = 0; i < count; i += OCTAVO_LANES)
        not_finite = lanes_fma(lanes_load(x + i), lanes_zero(), not_finite);  // 0, or NaN for ever
    float scale;
    int32_t sum;
    quantize_group(x, count, q, &scale, &sum);
    return scale + lanes_fold_add(not_finite);
}

static void quantize_planes(const float *x, size_t count, int8_t *q, float scales[2], int32_t sums[2]) {
    size_t padded = padded_lanes(count), depth = (count + OCTAVO_DEPTH - 1) / OCTAVO_DEPTH * OCTAVO_DEPTH;
    lanes largest = lanes_zero(), not_finite = lanes_zero();
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) {
        lanes a = lanes_load(x + i);
        largest = lanes_max(largest, lanes_abs(a));
        not_finite = lanes_fma(a, lanes_zero(), not_finite);  // 0, or NaN for ever
    }
    float s = lanes_fold_max(largest) / 16256.0f, check = lanes_fold_add(not_finite);
    s = s > 1e-7f ? s : 1e-7f;
    lanes inverse = lanes_set(1.0f / s), bound = lanes_set(16256.0f), lower_bound = lanes_set(-16256.0f);
    integers high_total = integers_zero(), low_total = integers_zero();
    for (size_t i = 0; i < padded; i += OCTAVO_LANES) {
        lanes rounded = lanes_round(lanes_mul(lanes_load(x + i), inverse));
        lanes whole = lanes_max(lanes_min(rounded, bound), lower_bound);
        lanes high = lanes_round(lanes_mul(whole, lanes_set(1.0f / 128)));
        integers low = lanes_to_integers(lanes_sub(whole, lanes_mul(high, lanes_set(128.0f))));
        integers_store_int8(q + i, lanes_to_integers(high));
        integers_store_int8(q + depth + i, low);
        high_total = integers_add(high_total, lanes_to_integers(high));
        low_total = integers_add(low_total, low);
    }
    for (size_t i = padded; i < depth; i++) q[i] = q[depth + i] = 0;
    scales[0] = 128.0f * s + check, scales[1] = s + check;  // no maximum shows a NaN, but the logits must
    sums[0] = integers_fold_add(high_total), sums[1] = integers_fold_add(low_total);
}

static size_t largest(const float *x, size_t count) {
    enum { CHUNK = 64 * OCTAVO_LANES };
    lanes not_finite = lanes_zero();
    float best = -__builtin_inff();
    size_t best_start = 0, whole = count / OCTAVO_LANES * OCTAVO_LANES;
    for (size_t start = 0; start < whole; start += CHUNK) {
        lanes chunk = lanes_set(-__builtin_inff());
        for (size_t i = start; i < smaller(start + CHUNK, whole); i += OCTAVO_LANES) {
            lanes a = lanes_load(x + i);
            chunk = lanes_max(chunk, a);
            not_finite = lanes_fma(a, lanes_zero(), not_finite);  // 0, or NaN for ever
        }
        float found = lanes_fold_max(chunk);
        if (found > best) best = found, best_start = start;
    }
    float check = lanes_fold_add(not_finite);
    for (size_t i = whole; i < count; i++) {
        check += x[i] * 0;
        if (x[i] > best) best = x[i], best_start = i;
    }
    if (check != 0 || count == 0) return count;
    while (x[best_start] != best) best_start++;
    return best_start;
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

// MARK: - Rotations

static void rotate(
    const float *x, const float *cosines, const float *sines, size_t half, float scale, size_t padded, float *y) {
    size_t i = 0;
    for (; i + OCTAVO_LANES <= half; i += OCTAVO_LANES) {
        lanes a = lanes_load(x + i), b = lanes_load(x + i + half);
        lanes cosine = lanes_load(cosines + i), sine = lanes_load(sines + i), factor = lanes_set(scale);
        lanes_store(y + i, lanes_mul(lanes_sub(lanes_mul(a, cosine), lanes_mul(b, sine)), factor));
        lanes_store(y + i + half, lanes_mul(lanes_add(lanes_mul(b, cosine), lanes_mul(a, sine)), factor));
    }
    for (; i < half; i++) {
        float a = x[i], b = x[i + half];
        y[i] = (a * cosines[i] - b * sines[i]) * scale;
        y[i + half] = (b * cosines[i] + a * sines[i]) * scale;
    }
    for (i = 2 * half; i < padded; i++) y[i] = 0;
}

/// Sixteen floats that the compiler lays in the registers it has; unlike `lanes`, they can be shuffled.
typedef float sixteen __attribute__((vector_size(64)));
#define EACH_OF_SIXTEEN(F, W)                                                                                      \
    F(0, W), F(1, W), F(2, W), F(3, W), F(4, W), F(5, W), F(6, W), F(7, W), F(8, W), F(9, W), F(10, W), F(11, W),  \
        F(12, W), F(13, W), F(14, W), F(15, W)
#define PARTNER(I, W) (I ^ W)
#define PARTNER_SIGN(I, W) (I & W ? -1.0f : 1.0f)
/// a + b in the place of a, a - b in that of b, for all a and b of a vector that are W apart.
#define ADD_AND_SUBTRACT(X, W)                                                                                     \
    __builtin_shufflevector(X, X, EACH_OF_SIXTEEN(PARTNER, W)) + X * (sixteen){EACH_OF_SIXTEEN(PARTNER_SIGN, W)}

static void hadamard(float *x, size_t count) {
    size_t order = count & -count, width = 1;
    if (order >= OCTAVO_LANES) {
        for (size_t i = 0; i < count; i += OCTAVO_LANES) {
            sixteen vector;
            __builtin_memcpy(&vector, x + i, sizeof vector);
            vector = ADD_AND_SUBTRACT(vector, 1);
            vector = ADD_AND_SUBTRACT(vector, 2);
            vector = ADD_AND_SUBTRACT(vector, 4);
            vector = ADD_AND_SUBTRACT(vector, 8);
            __builtin_memcpy(x + i, &vector, sizeof vector);
        }
        width = OCTAVO_LANES;
    }
    for (; width < order; width *= 2)
        for (size_t start = 0; start < count; start += 2 * width)
            for (size_t i = start; i < start + width; i++) {
                float a = x[i], b = x[i + width];
                x[i] = a + b;
                x[i + width] = a - b;
            }
}

#include "attention.h"

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

static float read_all(const float *x, size_t count, size_t streams, size_t ahead) {
    lanes sums[4] = {lanes_zero(), lanes_zero(), lanes_zero(), lanes_zero()};
    size_t part = count / streams;
    for (size_t i = 0; i < part; i += 4 * OCTAVO_LANES)
        for (size_t stream = 0; stream < streams; stream++) {
            const float *from = x + stream * part + i;
            for (int j = 0; j < 4; j++) {
                if (ahead > 0) __builtin_prefetch((const char *)(from + j * OCTAVO_LANES) + ahead, 0, 2);
                sums[j] = lanes_add(sums[j], lanes_load(from + j * OCTAVO_LANES));
            }
        }
    return lanes_fold_add(lanes_add(lanes_add(sums[0], sums[1]), lanes_add(sums[2], sums[3])));
}

/// The table of an instruction set whose file defines int8_matmul and int8_peak.
#define OCTAVO_TABLE(NAME)                                                                                         \
    {                                                                                                              \
        .name = NAME, .int8_matmul = int8_matmul, .float_matmul = float_matmul, .rms_norm = rms_norm,              \
        .quantize = quantize, .quantize_planes = quantize_planes, .quantize_cached = quantize_cached,              \
        .largest = largest, .silu_multiply = silu_multiply, .rotate = rotate, .hadamard = hadamard,                \
        .attention_f32 = attention_f32, .attention_f16 = attention_f16, .attention_int8 = attention_int8,          \
        .to_f16 = to_f16, .from_f16 = from_f16, .from_bf16 = from_bf16, .int8_peak = int8_peak,                    \
        .float_peak = float_peak, .read_all = read_all,                                                            \
    }

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

// MARK: - Rotation

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

// MARK: - Attention

/// Query `index`, counted through positions and heads.
static inline const float *query_at(const octavo_attention *p, size_t index) {
    return p->q + index / p->heads * p->q_stride + index % p->heads * p->head_size;
}
static inline size_t length_at(const octavo_attention *p, size_t index) { return p->length + index / p->heads; }
static inline float *scores_at(const octavo_attention *p, size_t index) { return p->scores + index * p->score_stride; }

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

/// Divides a lane group of one query's sums by its total and writes those that are no padding.
static inline void write_mixed(const octavo_attention *p, size_t index, size_t d, lanes sum, float total) {
    float mixed[OCTAVO_LANES];
    lanes_store(mixed, lanes_div(sum, lanes_set(total)));
    float *out = p->out + index / p->heads * p->out_stride + index % p->heads * p->head_dimension + d;
    __builtin_memcpy(out, mixed, smaller(p->head_dimension - d, OCTAVO_LANES) * sizeof(float));
}

/// Fetches `bytes` to the second-level cache, which waits for more lines at a time than the first; null is none. Blocks of
/// a sequence lie far apart, where no CPU looks ahead.
static inline void fetch(const void *p, size_t bytes) {
    if (!p) return;
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)p + i, 0, 2);
}

/// The keys (or values) of block b of the sequence, null beyond the last position attended to.
static inline const void *block_at(const octavo_attention *p, const void *base, size_t b) {
    if (b * p->block_length >= p->length + p->positions - 1) return 0;
    return (const char *)base + (size_t)p->blocks[b] * p->block_stride;
}

/// Calls FUNCTION(..., index, n) for groups of n = 8, 4, 3, 2 or 1 of COUNT queries; n is a constant in every call, so that
/// the loops over queries unroll and their sums stay in registers.
#define FOR_QUERIES(FUNCTION, COUNT, ...)                                                                          \
    do {                                                                                                           \
        size_t index = 0, queries = COUNT;                                                                         \
        if (OCTAVO_QUERY_TILE >= 8)                                                                                \
            for (; index + 8 <= queries; index += 8) FUNCTION(__VA_ARGS__, index, 8);                              \
        for (; index + 4 <= queries; index += 4) FUNCTION(__VA_ARGS__, index, 4);                                  \
        if (index + 3 == queries) FUNCTION(__VA_ARGS__, index, 3), index += 3;                                     \
        for (; index + 2 <= queries; index += 2) FUNCTION(__VA_ARGS__, index, 2);                                  \
        if (index < queries) FUNCTION(__VA_ARGS__, index, 1);                                                      \
    } while (0)

#define ATTENTION(NAME, ELEMENT, LOAD)                                                                             \
    /* The scores of N queries against VECTORS lane groups of one block's keys; `next` is what to fetch meanwhile. */ \
    ALWAYS_INLINE void NAME##_score_vectors(                                                                       \
        const octavo_attention *p, const ELEMENT *keys, const ELEMENT *next, size_t t, size_t index, const int N,  \
        const int VECTORS) {                                                                                       \
        lanes sums[8][2];                                                                                          \
        const float *queries[8];                                                                                   \
        UNROLLED for (int n = 0; n < N; n++) {                                                                     \
            queries[n] = query_at(p, index + n);                                                                   \
            UNROLLED for (int v = 0; v < VECTORS; v++) sums[n][v] = lanes_zero();                                  \
        }                                                                                                          \
        for (size_t d = 0; d < p->head_dimension; d++) {                                                           \
            fetch(next ? next + d * p->block_length : 0, p->block_length * sizeof(ELEMENT));                       \
            lanes k[2];                                                                                            \
            UNROLLED for (int v = 0; v < VECTORS; v++) k[v] = LOAD(keys + d * p->block_length + v * OCTAVO_LANES); \
            UNROLLED for (int n = 0; n < N; n++) {                                                                 \
                lanes q = lanes_set(queries[n][d]);                                                                \
                UNROLLED for (int v = 0; v < VECTORS; v++) sums[n][v] = lanes_fma(q, k[v], sums[n][v]);            \
            }                                                                                                      \
        }                                                                                                          \
        UNROLLED for (int n = 0; n < N; n++)                                                                       \
            UNROLLED for (int v = 0; v < VECTORS; v++)                                                             \
                lanes_store(scores_at(p, index + n) + t + v * OCTAVO_LANES, sums[n][v]);                           \
    }                                                                                                              \
    /* The scores of N queries against the block that begins at position `start`. */                               \
    ALWAYS_INLINE void NAME##_score_block(                                                                         \
        const octavo_attention *p, const ELEMENT *keys, const ELEMENT *next, size_t start, size_t index,           \
        const int N) {                                                                                             \
        size_t longest = length_at(p, index + N - 1);                                                              \
        if (longest <= start) return;                                                                              \
        size_t count = smaller(padded_lanes(longest - start), p->block_length), t = 0;                             \
        if (index > 0) next = 0;                                                                                   \
        for (; t + 2 * OCTAVO_LANES <= count; t += 2 * OCTAVO_LANES, next = 0)                                     \
            NAME##_score_vectors(p, keys + t, next, start + t, index, N, 2);                                       \
        if (t < count) NAME##_score_vectors(p, keys + t, next, start + t, index, N, 1);                            \
    }                                                                                                              \
    /* Adds p[t] * v[t] of the positions `from` to `to` to the sums of N queries, VECTORS lane groups of each. */  \
    ALWAYS_INLINE void NAME##_mix_range(                                                                           \
        const octavo_attention *p, size_t d, size_t from, size_t to, size_t index, const int N, const int VECTORS, \
        lanes sums[N][4]) {                                                                                        \
        for (size_t t = from; t < to;) {                                                                           \
            size_t slot = t % p->block_length, end = smaller(to, t - slot + p->block_length);                      \
            const ELEMENT *values = block_at(p, p->values, t / p->block_length);                                   \
            const ELEMENT *next = index > 0 || d > 0 ? 0 : block_at(p, p->values, t / p->block_length + 1);        \
            for (values += slot * p->head_size + d; t < end; t++, slot++, values += p->head_size) {                \
                fetch(next ? next + slot * p->head_size : 0, p->head_size * sizeof(ELEMENT));                      \
                lanes v[4];                                                                                        \
                UNROLLED for (int c = 0; c < VECTORS; c++) v[c] = LOAD(values + c * OCTAVO_LANES);                 \
                UNROLLED for (int n = 0; n < N; n++) {                                                             \
                    lanes weight = lanes_set(scores_at(p, index + n)[t]);                                          \
                    UNROLLED for (int c = 0; c < VECTORS; c++) sums[n][c] = lanes_fma(weight, v[c], sums[n][c]);   \
                }                                                                                                  \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    ALWAYS_INLINE void NAME##_mix_vectors(                                                                         \
        const octavo_attention *p, const float *totals, size_t d, size_t index, const int N, const int VECTORS) {  \
        lanes sums[8][4];                                                                                          \
        UNROLLED for (int n = 0; n < N; n++)                                                                       \
            UNROLLED for (int c = 0; c < VECTORS; c++) sums[n][c] = lanes_zero();                                  \
        size_t common = length_at(p, index);                                                                       \
        NAME##_mix_range(p, d, 0, common, index, N, VECTORS, sums);                                                \
        UNROLLED for (int n = 0; n < N; n++) {                                                                     \
            NAME##_mix_range(p, d, common, length_at(p, index + n), index + n, 1, VECTORS, sums + n);              \
            UNROLLED for (int c = 0; c < VECTORS; c++)                                                             \
                write_mixed(p, index + n, d + c * OCTAVO_LANES, sums[n][c], totals[n]);                            \
        }                                                                                                          \
    }                                                                                                              \
    ALWAYS_INLINE void NAME##_mix(const octavo_attention *p, size_t index, const int N) {                          \
        float totals[8];                                                                                           \
        for (int n = 0; n < N; n++) totals[n] = exponentiate(scores_at(p, index + n), length_at(p, index + n));    \
        size_t d = 0;                                                                                              \
        for (; d + OCTAVO_MIX_TILE * OCTAVO_LANES <= p->head_size; d += OCTAVO_MIX_TILE * OCTAVO_LANES)            \
            NAME##_mix_vectors(p, totals, d, index, N, OCTAVO_MIX_TILE);                                           \
        for (; d < p->head_size; d += OCTAVO_LANES) NAME##_mix_vectors(p, totals, d, index, N, 1);                 \
    }                                                                                                              \
    static void NAME(const octavo_attention *p) {                                                                  \
        size_t count = p->positions * p->heads, longest = p->length + p->positions - 1;                            \
        for (size_t start = 0; start < longest; start += p->block_length) {                                        \
            const ELEMENT *keys = block_at(p, p->keys, start / p->block_length);                                   \
            const ELEMENT *next = block_at(p, p->keys, start / p->block_length + 1);                               \
            if (!next) next = block_at(p, p->values, 0);                                                           \
            FOR_QUERIES(NAME##_score_block, count, p, keys, next, start);                                          \
        }                                                                                                          \
        FOR_QUERIES(NAME##_mix, count, p);                                                                         \
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
        .quantize = quantize, .quantize_planes = quantize_planes, .largest = largest,                              \
        .silu_multiply = silu_multiply, .rotate = rotate, .attention_f32 = attention_f32,                          \
        .attention_f16 = attention_f16, .to_f16 = to_f16, .from_f16 = from_f16, .from_bf16 = from_bf16,            \
        .int8_peak = int8_peak, .float_peak = float_peak, .read_all = read_all,                                    \
    }

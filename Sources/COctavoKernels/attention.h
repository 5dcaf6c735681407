// Attention over a cache of f32, f16 or INT8, written once over the sixteen lanes of an instruction set.
//
// Two passes over the blocks of a sequence, the keys' and the values': each block is read once for all queries, which
// keep their sums in registers while they meet it, and the next one is fetched meanwhile, be it the next call's.
#pragma once

/// How keys and values are stored. A constant wherever a function takes it, as are the numbers N of queries and VECTORS of
/// lane groups: every function is inlined, so that loops over these unroll.
enum cached_type { CACHED_F32, CACHED_F16, CACHED_INT8 };

ALWAYS_INLINE size_t size_of(const enum cached_type TYPE) { return TYPE == CACHED_F32 ? 4 : TYPE == CACHED_F16 ? 2 : 1; }

/// Sixteen elements of a block, from element `index`.
ALWAYS_INLINE lanes load_cached(const void *block, size_t index, const enum cached_type TYPE) {
    switch (TYPE) {
    case CACHED_F32: return lanes_load((const float *)block + index);
    case CACHED_F16: return lanes_load_f16((const uint16_t *)block + index);
    case CACHED_INT8: return lanes_load_int8((const int8_t *)block + index);
    }
}

/// Query `index`, counted through positions and heads.
static inline const float *query_at(const octavo_attention *p, size_t index) {
    return p->q + index / p->heads * p->q_stride + index % p->heads * p->head_size;
}
static inline size_t length_at(const octavo_attention *p, size_t index) { return p->length + index / p->heads; }
static inline size_t longest(const octavo_attention *p) { return p->length + p->positions - 1; }
static inline float *scores_at(const octavo_attention *p, size_t index) { return p->scores + index * p->score_stride; }
/// The sums of values so far of a query, behind its scores; behind them, the sum of its weights.
static inline float *mixed_at(const octavo_attention *p, size_t index) {
    return scores_at(p, index) + padded_lanes(longest(p));
}

/// The keys (or values) of block b of the sequence, null beyond the last position attended to.
static inline const void *block_at(const octavo_attention *p, const void *base, size_t b) {
    if (b * p->block_length >= longest(p)) return 0;
    return (const char *)base + (size_t)p->blocks[b] * p->block_stride;
}

/// The scales of INT8 keys (or values), which lie behind their block.
static inline const float *scales_of(const octavo_attention *p, const void *block) {
    return (const float *)((const char *)block + p->block_length * p->head_size);
}

/// Fetches VECTORS lane groups of a block, from element `index`, to the second-level cache, which waits for more lines at a
/// time than the first; no block is null. Blocks of a sequence lie far apart, where no CPU looks ahead.
ALWAYS_INLINE void fetch(const void *block, size_t index, const enum cached_type TYPE, const int VECTORS) {
    if (!block) return;
    const char *from = (const char *)block + index * size_of(TYPE);
    for (size_t i = 0; i < VECTORS * OCTAVO_LANES * size_of(TYPE); i += 64) __builtin_prefetch(from + i, 0, 2);
}

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

/// Divides one query's sums by that of its weights and writes those that are no padding.
static inline void write_mixed(const octavo_attention *p, size_t index) {
    float *mixed = mixed_at(p, index), total = mixed[p->head_size];
    for (size_t d = 0; d < p->head_size; d += OCTAVO_LANES)
        lanes_store(mixed + d, lanes_div(lanes_load(mixed + d), lanes_set(total)));
    float *out = p->out + index / p->heads * p->out_stride + index % p->heads * p->head_dimension;
    __builtin_memcpy(out, mixed, p->head_dimension * sizeof(float));
}

/// Calls FUNCTION(..., index, n) for groups of n = 6, 4, 3, 2 or 1 of COUNT queries; n is a constant in every call.
#define FOR_QUERIES(FUNCTION, COUNT, ...)                                                                          \
    do {                                                                                                           \
        size_t index = 0, queries = COUNT;                                                                         \
        if (OCTAVO_QUERY_TILE >= 6)                                                                                \
            for (; index + 6 <= queries; index += 6) FUNCTION(__VA_ARGS__, index, 6);                              \
        for (; index + 4 <= queries; index += 4) FUNCTION(__VA_ARGS__, index, 4);                                  \
        if (index + 3 == queries) FUNCTION(__VA_ARGS__, index, 3), index += 3;                                     \
        for (; index + 2 <= queries; index += 2) FUNCTION(__VA_ARGS__, index, 2);                                  \
        if (index < queries) FUNCTION(__VA_ARGS__, index, 1);                                                      \
    } while (0)

/// Lane groups that N queries meet at a time, so that their sums stay in registers: 1 to 4.
#define VECTORS_OF(N) ((N) >= OCTAVO_SUM_TILE ? 1 : OCTAVO_SUM_TILE / (N) < 4 ? OCTAVO_SUM_TILE / (N) : 4)

/// The scores of N queries from `index` against VECTORS lane groups, from slot t, of the keys that begin at position
/// `start`.
ALWAYS_INLINE void score_vectors(
    const octavo_attention *p, const void *keys, const void *next, size_t start, size_t t, size_t index,
    const enum cached_type TYPE, const int N, const int VECTORS) {
    lanes sums[6][4];
    const float *queries[6];
    UNROLLED for (int n = 0; n < N; n++) {
        queries[n] = query_at(p, index + n);
        UNROLLED for (int v = 0; v < VECTORS; v++) sums[n][v] = lanes_zero();
    }
    for (size_t d = 0; d < p->head_dimension; d++) {
        size_t place = d * p->block_length + t;
        fetch(next, place, TYPE, VECTORS);
        lanes k[4];
        UNROLLED for (int v = 0; v < VECTORS; v++) k[v] = load_cached(keys, place + v * OCTAVO_LANES, TYPE);
        UNROLLED for (int n = 0; n < N; n++) {
            lanes q = lanes_set(queries[n][d]);
            UNROLLED for (int v = 0; v < VECTORS; v++) sums[n][v] = lanes_fma(q, k[v], sums[n][v]);
        }
    }
    const float *scales = scales_of(p, keys) + t;
    UNROLLED for (int n = 0; n < N; n++)
        UNROLLED for (int v = 0; v < VECTORS; v++) {
            if (TYPE == CACHED_INT8) sums[n][v] = lanes_mul(sums[n][v], lanes_load(scales + v * OCTAVO_LANES));
            lanes_store(scores_at(p, index + n) + start + t + v * OCTAVO_LANES, sums[n][v]);
        }
}

/// The scores of N queries from `index` against the block of keys that begins at position `start`.
ALWAYS_INLINE void score_block(
    const octavo_attention *p, const void *keys, const void *next, size_t start, const enum cached_type TYPE,
    size_t index, const int N) {
    size_t length = length_at(p, index + N - 1);
    if (length <= start) return;
    if (index > 0) next = 0;
    size_t count = smaller(padded_lanes(length - start), p->block_length), t = 0;
    for (; t + VECTORS_OF(N) * OCTAVO_LANES <= count; t += VECTORS_OF(N) * OCTAVO_LANES)
        score_vectors(p, keys, next, start, t, index, TYPE, N, VECTORS_OF(N));
    for (; t < count; t += OCTAVO_LANES) score_vectors(p, keys, next, start, t, index, TYPE, N, 1);
}

/// Adds p[t] * v[t] of the slots `from` to `to` of a block to the sums of N queries, in VECTORS lane groups from element d.
ALWAYS_INLINE void mix_vectors(
    const octavo_attention *p, const void *values, const void *next, size_t start, size_t from, size_t to, size_t d,
    size_t index, const enum cached_type TYPE, const int N, const int VECTORS) {
    lanes sums[6][4];
    const float *weights[6];
    UNROLLED for (int n = 0; n < N; n++) {
        weights[n] = scores_at(p, index + n) + start;
        UNROLLED for (int c = 0; c < VECTORS; c++)
            sums[n][c] = lanes_load(mixed_at(p, index + n) + d + c * OCTAVO_LANES);
    }
    for (size_t slot = from; slot < to; slot++) {
        size_t place = slot * p->head_size + d;
        fetch(next, place, TYPE, VECTORS);
        lanes v[4];
        UNROLLED for (int c = 0; c < VECTORS; c++) v[c] = load_cached(values, place + c * OCTAVO_LANES, TYPE);
        UNROLLED for (int n = 0; n < N; n++) {
            lanes weight = lanes_set(weights[n][slot]);
            UNROLLED for (int c = 0; c < VECTORS; c++) sums[n][c] = lanes_fma(weight, v[c], sums[n][c]);
        }
    }
    UNROLLED for (int n = 0; n < N; n++)
        UNROLLED for (int c = 0; c < VECTORS; c++)
            lanes_store(mixed_at(p, index + n) + d + c * OCTAVO_LANES, sums[n][c]);
}

/// The same for the whole head.
ALWAYS_INLINE void mix_slots(
    const octavo_attention *p, const void *values, const void *next, size_t start, size_t from, size_t to, size_t index,
    const enum cached_type TYPE, const int N) {
    size_t d = 0;
    for (; d + VECTORS_OF(N) * OCTAVO_LANES <= p->head_size; d += VECTORS_OF(N) * OCTAVO_LANES)
        mix_vectors(p, values, next, start, from, to, d, index, TYPE, N, VECTORS_OF(N));
    for (; d < p->head_size; d += OCTAVO_LANES) mix_vectors(p, values, next, start, from, to, d, index, TYPE, N, 1);
}

/// Adds the block of values that begins at position `start` to the sums of N queries from `index`: first what all of them
/// attend to, then what the later ones do.
ALWAYS_INLINE void mix_block(
    const octavo_attention *p, const void *values, const void *next, size_t start, const enum cached_type TYPE,
    size_t index, const int N) {
    if (length_at(p, index + N - 1) <= start) return;
    if (index > 0) next = 0;
    size_t shortest = length_at(p, index), common = shortest > start ? smaller(shortest - start, p->block_length) : 0;
    mix_slots(p, values, next, start, 0, common, index, TYPE, N);
    for (int n = 0; n < N; n++) {
        size_t length = length_at(p, index + n), end = length > start ? smaller(length - start, p->block_length) : 0;
        if (end > common) mix_slots(p, values, 0, start, common, end, index + n, TYPE, 1);
    }
}

/// Multiplies weights by the scales of the values that they are to weigh.
static inline void scale_weights(const octavo_attention *p, float *weights, size_t length) {
    for (size_t start = 0; start < length; start += p->block_length) {
        const float *scales = scales_of(p, block_at(p, p->values, start / p->block_length));
        size_t count = smaller(padded_lanes(length - start), p->block_length);
        for (size_t t = 0; t < count; t += OCTAVO_LANES)
            lanes_store(weights + start + t, lanes_mul(lanes_load(weights + start + t), lanes_load(scales + t)));
    }
}

ALWAYS_INLINE void attention(const octavo_attention *p, const enum cached_type TYPE) {
    size_t count = p->positions * p->heads;
    for (size_t b = 0; b * p->block_length < longest(p); b++) {
        const void *keys = block_at(p, p->keys, b), *next = block_at(p, p->keys, b + 1);
        if (!next) next = block_at(p, p->values, 0);
        FOR_QUERIES(score_block, count, p, keys, next, b * p->block_length, TYPE);
    }
    for (size_t n = 0; n < count; n++) {
        float *weights = scores_at(p, n), *mixed = mixed_at(p, n);
        __builtin_memset(mixed, 0, p->head_size * sizeof(float));
        mixed[p->head_size] = exponentiate(weights, length_at(p, n));
        if (TYPE == CACHED_INT8) scale_weights(p, weights, length_at(p, n));
    }
    for (size_t b = 0; b * p->block_length < longest(p); b++) {
        const void *values = block_at(p, p->values, b), *next = block_at(p, p->values, b + 1);
        if (!next) next = p->following;
        FOR_QUERIES(mix_block, count, p, values, next, b * p->block_length, TYPE);
    }
    for (size_t n = 0; n < count; n++) write_mixed(p, n);
}

static void attention_f32(const octavo_attention *p) { attention(p, CACHED_F32); }
static void attention_f16(const octavo_attention *p) { attention(p, CACHED_F16); }
static void attention_int8(const octavo_attention *p) { attention(p, CACHED_INT8); }

// Sixteen lanes in two AVX2 registers.
#pragma once

#include <immintrin.h>

#include "octavo_kernels.h"

typedef struct { __m256 low, high; } lanes;
typedef struct { __m256i low, high; } integers;

/// Queries that attention takes together, 12 of the 16 registers for their sums, and lane groups of sums in registers
/// where a query has several: only half, since several lane groups of keys want registers too.
#define OCTAVO_QUERY_TILE 6
#define OCTAVO_SUM_TILE 4

#define BOTH(operation, a, b) ((lanes){operation((a).low, (b).low), operation((a).high, (b).high)})

static inline lanes lanes_zero(void) { return (lanes){_mm256_setzero_ps(), _mm256_setzero_ps()}; }
static inline lanes lanes_set(float x) { return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline lanes lanes_load(const float *p) { return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
static inline void lanes_store(float *p, lanes a) {
    _mm256_storeu_ps(p, a.low);
    _mm256_storeu_ps(p + 8, a.high);
}
static inline lanes lanes_add(lanes a, lanes b) { return BOTH(_mm256_add_ps, a, b); }
static inline lanes lanes_sub(lanes a, lanes b) { return BOTH(_mm256_sub_ps, a, b); }
static inline lanes lanes_mul(lanes a, lanes b) { return BOTH(_mm256_mul_ps, a, b); }
static inline lanes lanes_div(lanes a, lanes b) { return BOTH(_mm256_div_ps, a, b); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
    return (lanes){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
static inline lanes lanes_max(lanes a, lanes b) { return BOTH(_mm256_max_ps, a, b); }
static inline lanes lanes_min(lanes a, lanes b) { return BOTH(_mm256_min_ps, a, b); }
static inline lanes lanes_abs(lanes a) {
    lanes sign = lanes_set(-0.0f);
    return BOTH(_mm256_andnot_ps, sign, a);
}
static inline lanes lanes_round(lanes a) {
    return (lanes){
        _mm256_round_ps(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
        _mm256_round_ps(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
static inline __m256 power_of_two(__m256 n) {
    __m256i exponent = _mm256_add_epi32(_mm256_cvttps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
static inline lanes lanes_scale(lanes a, lanes n) {
    return (lanes){_mm256_mul_ps(a.low, power_of_two(n.low)), _mm256_mul_ps(a.high, power_of_two(n.high))};
}
static inline lanes lanes_keep_from(lanes a, lanes x, lanes limit) {
    return (lanes){
        _mm256_and_ps(a.low, _mm256_cmp_ps(x.low, limit.low, _CMP_GE_OQ)),
        _mm256_and_ps(a.high, _mm256_cmp_ps(x.high, limit.high, _CMP_GE_OQ))};
}
static inline float lanes_fold_add(lanes a) {
    __m256 eight = _mm256_add_ps(a.low, a.high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float lanes_fold_max(lanes a) {
    __m256 eight = _mm256_max_ps(a.low, a.high);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
static inline integers integers_zero(void) { return (integers){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
static inline integers integers_add(integers a, integers b) {
    return (integers){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
static inline integers lanes_to_integers(lanes a) {
    return (integers){_mm256_cvttps_epi32(a.low), _mm256_cvttps_epi32(a.high)};
}
static inline void integers_store_int8(int8_t *p, integers a) {
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.low, a.high), 0xD8);
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)p, bytes);
}
static inline __m256 widen_int8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static inline lanes lanes_load_int8(const int8_t *p) { return (lanes){widen_int8(p), widen_int8(p + 8)}; }
static inline int32_t integers_fold_add(integers a) {
    __m256i eight = _mm256_add_epi32(a.low, a.high);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}
static inline lanes lanes_load_f16(const uint16_t *p) {
    return (lanes){
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}
static inline void lanes_store_f16(uint16_t *p, lanes a) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT));
}
static inline __m256 widen_bf16(__m128i bits) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
static inline lanes lanes_load_bf16(const uint16_t *p) {
    return (lanes){
        widen_bf16(_mm_loadu_si128((const __m128i *)p)), widen_bf16(_mm_loadu_si128((const __m128i *)(p + 8)))};
}

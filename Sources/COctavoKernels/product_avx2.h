// What the INT8 products that keep a panel in two 256-bit registers do with its sums.
#pragma once

/// One panel of row m, from its integer sums of one group: adds to what the groups before have given.
static inline lanes add_group(const octavo_int8_matmul *p, size_t m, size_t group, integers sums, lanes total) {
    size_t index = m * p->groups + group;
    // The weights' offset of 128 has added 128 times the sum of the activations.
    __m256i offset = _mm256_set1_epi32((int32_t)((uint32_t)p->a_sum[index] << 7));
    lanes whole = {
        _mm256_cvtepi32_ps(_mm256_sub_epi32(sums.low, offset)), _mm256_cvtepi32_ps(_mm256_sub_epi32(sums.high, offset))};
    return lanes_fma(whole, lanes_set(p->a_scale[index]), total);
}

static inline void store_panel(const octavo_int8_matmul *p, size_t m, size_t panel, lanes total) {
    lanes y = lanes_mul(total, lanes_load(p->w_scale + panel * OCTAVO_PANEL));
    float *out = output_row(p, m) + panel * OCTAVO_PANEL;
    lanes_store(out, adds_to_output(p, m) ? lanes_add(lanes_load(out), y) : y);
}

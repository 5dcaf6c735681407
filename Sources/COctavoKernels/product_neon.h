// The INT8 product by sdot, which those with better instructions use for single rows.
#pragma once

/// Writes four channels of row m, from channel n.
static inline void store_channels(const octavo_int8_matmul *p, size_t m, size_t n, float32x4_t total) {
    float32x4_t y = vmulq_f32(total, vld1q_f32(p->w_scale + n));
    float *out = output_row(p, m) + n;
    vst1q_f32(out, adds_to_output(p, m) ? vaddq_f32(vld1q_f32(out), y) : y);
}

/// ROWS activations, a constant, by one panel; flipping the top bit of a packed weight makes it signed again for sdot.
ALWAYS_INLINE void multiply_panel(const octavo_int8_matmul *p, size_t m, size_t panel, const int ROWS) {
    const uint8_t *w = p->w + panel * OCTAVO_PANEL * p->depth;
    size_t width = p->depth / p->groups;
    float32x4_t totals[4][4];
    UNROLLED for (int r = 0; r < ROWS; r++)
        UNROLLED for (int c = 0; c < 4; c++) totals[r][c] = vdupq_n_f32(0);
    for (size_t group = 0; group < p->groups; group++) {
        int32x4_t sums[4][4];
        UNROLLED for (int r = 0; r < ROWS; r++)
            UNROLLED for (int c = 0; c < 4; c++) sums[r][c] = vdupq_n_s32(0);
        for (size_t k = group * width; k < (group + 1) * width; k += 4, w += 4 * OCTAVO_PANEL) {
            int8x16_t weights[4];
            UNROLLED for (int c = 0; c < 4; c++)
                weights[c] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(w + 16 * c), vdupq_n_u8(0x80)));
            UNROLLED for (int r = 0; r < ROWS; r++) {
                int32_t four;
                __builtin_memcpy(&four, p->a + (m + r) * p->depth + k, 4);
                int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(four));
                UNROLLED for (int c = 0; c < 4; c++) sums[r][c] = vdotq_s32(sums[r][c], weights[c], a);
            }
        }
        UNROLLED for (int r = 0; r < ROWS; r++) {
            float32x4_t scale = vdupq_n_f32(p->a_scale[(m + r) * p->groups + group]);
            UNROLLED for (int c = 0; c < 4; c++)
                totals[r][c] = vfmaq_f32(totals[r][c], vcvtq_f32_s32(sums[r][c]), scale);
        }
    }
    UNROLLED for (int r = 0; r < ROWS; r++)
        UNROLLED for (int c = 0; c < 4; c++) store_channels(p, m + r, panel * OCTAVO_PANEL + 4 * c, totals[r][c]);
}

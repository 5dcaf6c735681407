// The specification: plain C, one element at a time.
#pragma STDC FP_CONTRACT OFF

#include "lanes_scalar.h"

#include "float_kernels.h"

static void int8_matmul(const octavo_int8_matmul *p) {
    size_t width = p->depth / p->groups;
    for (size_t m = 0; m < p->rows; m++)
        for (size_t n = 0; n < p->panels * OCTAVO_PANEL; n++) {
            const uint8_t *panel = p->w + n / OCTAVO_PANEL * OCTAVO_PANEL * p->depth + n % OCTAVO_PANEL * 4;
            float total = 0;
            for (size_t group = 0; group < p->groups; group++) {
                int32_t sum = 0;
                for (size_t k = group * width; k < (group + 1) * width; k++)
                    sum += p->a[m * p->depth + k] * (panel[k / 4 * 4 * OCTAVO_PANEL + k % 4] - 128);
                total = fmaf((float)sum, p->a_scale[m * p->groups + group], total);
            }
            float *out = output_row(p, m) + n;
            float y = total * p->w_scale[n];
            *out = adds_to_output(p, m) ? *out + y : y;
        }
}

/// The specification is not meant to be fast, so it has no peak.
static uint64_t int8_peak(size_t rounds) {
    (void)rounds;
    return 0;
}

const octavo_kernels octavo_kernels_scalar = OCTAVO_TABLE("scalar");

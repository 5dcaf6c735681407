// The angles of rotary position embedding. Scalar for every instruction set: they are computed once per token and
// step, for all layers and heads.
#pragma STDC FP_CONTRACT OFF

#include <math.h>

#include "octavo_kernels.h"

/// Taylor series of sine and cosine on |x| <= pi/4; the first terms left out are below 2^-60.
static double sine_near_zero(double x) {
    double square = x * x;
    double p = -1.0 / 1307674368000;                   // 1/15!
    p = p * square + 1.0 / 6227020800;                 // 1/13!
    p = p * square - 1.0 / 39916800;                   // 1/11!
    p = p * square + 1.0 / 362880;
    p = p * square - 1.0 / 5040;
    p = p * square + 1.0 / 120;
    p = p * square - 1.0 / 6;
    return x + x * square * p;
}

static double cosine_near_zero(double x) {
    double square = x * x;
    double p = 1.0 / 20922789888000;                   // 1/16!
    p = p * square - 1.0 / 87178291200;                // 1/14!
    p = p * square + 1.0 / 479001600;                  // 1/12!
    p = p * square - 1.0 / 3628800;
    p = p * square + 1.0 / 40320;
    p = p * square - 1.0 / 720;
    p = p * square + 1.0 / 24;
    return 1.0 - 0.5 * square + square * square * p;
}

void octavo_rotation(int32_t position, const float *inverse_frequencies, size_t count, float *cosines, float *sines) {
    for (size_t i = 0; i < count; i++) {
        double angle = (float)position * inverse_frequencies[i];
        // Cody and Waite: pi/2 in two parts, the first of 33 bits, so that its product with a quarter below 2^20 is exact.
        double quarter = rint(angle * 0x1.45f306dc9c883p-1);
        double x = (angle - quarter * 0x1.921fb544p+0) - quarter * 0x1.0b4611a626331p-34;
        double sine = sine_near_zero(x), cosine = cosine_near_zero(x);
        switch ((int64_t)quarter & 3) {
        case 0: cosines[i] = (float)cosine, sines[i] = (float)sine; break;
        case 1: cosines[i] = (float)-sine, sines[i] = (float)cosine; break;
        case 2: cosines[i] = (float)-cosine, sines[i] = (float)-sine; break;
        default: cosines[i] = (float)sine, sines[i] = (float)-cosine; break;
        }
    }
}

// The arithmetic of a Llama step on one CPU core.
//
// Every function is pure: pointers and sizes in, results out; no allocation, no threads, no failure. Callers check
// sizes. All instruction sets give the same bits as the scalar kernels, which are the specification:
//   - integer sums are exact;
//   - a float sum over i uses sixteen lanes, lane i % 16 accumulating in order of i by fused multiply-add, then folded
//     pairwise: lane j += lane j + 8, then + 4, + 2, + 1 ("lane order" below);
//   - exp, sin and cos are the polynomials of this module, not those of a C library.
//
// "Padded" lengths are rounded up to OCTAVO_LANES floats or OCTAVO_DEPTH bytes; the padding of inputs must be zero,
// and the padding of outputs is written as zero. Unless noted, buffers need no alignment and must not overlap.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Floats in a lane group; float vectors are padded to a multiple of it.
#define OCTAVO_LANES 16
/// INT8 vectors are padded to a multiple of this many bytes.
#define OCTAVO_DEPTH 64
/// Output channels in a panel of packed INT8 weights.
#define OCTAVO_PANEL 16

/// How the elements of a float weight matrix are stored.
enum octavo_float_type { OCTAVO_F32 = 0, OCTAVO_F16 = 1, OCTAVO_BF16 = 2 };

/// out[m][n] = t * w_scale[n], plus out[m][n] where `accumulates`. The depth is divided into `groups` of equal width,
/// each with an activation scale of its own: t starts at 0 and, group by group, becomes
/// fma(float(acc), a_scale[m][g], t), acc = sum over the group's k of a[m][k] * w[n][k], exact in 32 bits for groups
/// of at most 65,536. With one group that is t = float(acc) * a_scale[m].
///
/// With more than one plane, `planes` rows of activations in sequence are the parts of one vector: their products are
/// added, in order, to the same row of the output, out[m / planes].
typedef struct {
    /// [rows][depth] activations in -127...127, padding zero.
    const int8_t *a;
    /// [rows][groups] scales, and sums of the activations over the group's k.
    const float *a_scale;
    const int32_t *a_sum;
    size_t rows;
    /// Padded depth in bytes, a multiple of OCTAVO_DEPTH * groups.
    size_t depth;
    size_t groups;
    /// A divisor of `rows`, at least 1.
    size_t planes;
    /// [panels][depth / 4][16 channels][4] weights plus 128, so that they are unsigned.
    const uint8_t *w;
    /// [panels * 16] scales, padding zero.
    const float *w_scale;
    size_t panels;
    /// [rows / planes][out_stride], panels * 16 columns are written.
    float *out;
    size_t out_stride;
    int accumulates;
} octavo_int8_matmul;

/// out[m][n] = sum over k of x[m][k] * w[n][k], in lane order over k.
typedef struct {
    /// [rows][depth] floats, depth a multiple of OCTAVO_LANES, padding zero.
    const float *x;
    size_t rows;
    size_t depth;
    /// [columns][depth] of the type, padding zero.
    const void *w;
    enum octavo_float_type type;
    size_t columns;
    /// [rows][out_stride]
    float *out;
    size_t out_stride;
} octavo_float_matmul;

/// Causal attention of the query heads that share one key-value head, at consecutive positions of one sequence.
///
/// The query at position i and head h attends to the first `length` + i positions of the sequence:
/// score[t] = q . k[t], summed in order over the head's dimensions by fused multiply-add; p = exp(score - max);
/// out = (sum over t of p[t] * v[t], in order of t by fused multiply-add) / (sum of p, in lane order over t).
///
/// Over INT8 the scale of position t multiplies what its integers are summed to or weighed by: score[t] = (q . k[t]) *
/// k_scale[t], and the sum is of (p[t] * v_scale[t]) * v[t].
typedef struct {
    /// [positions][heads][head_size] queries, rotated and scaled by 1/sqrt(head dimension); a position's heads lie side
    /// by side, `q_stride` floats from those of the position before.
    const float *q;
    size_t q_stride;
    size_t positions;
    size_t heads;
    /// The head dimension, padded to OCTAVO_LANES.
    size_t head_size;
    /// Block b of the sequence is at blocks[b] * block_stride bytes from these: keys [head_size][block_length], values
    /// [block_length][head_size]; behind either, if they are INT8, [block_length] f32 scales. block_length is a
    /// multiple of OCTAVO_LANES.
    const void *keys;
    const void *values;
    const int32_t *blocks;
    size_t block_stride;
    size_t block_length;
    /// The first block of keys that this thread's next call will read, in a cache of the same shape; null if it is not known.
    /// As much of it is fetched as this call's last block has values.
    const void *following;
    /// Positions that the first query attends to, at least 1.
    size_t length;
    /// [positions * heads][score_stride] floats of scratch; score_stride is at least the last query's length, padded to
    /// OCTAVO_LANES, and head_size + OCTAVO_LANES more.
    float *scores;
    size_t score_stride;
    /// [positions][heads][head_dimension], positions out_stride floats apart.
    float *out;
    size_t out_stride;
    size_t head_dimension;
} octavo_attention;

/// The kernels for one instruction set.
typedef struct {
    /// "scalar", "avx2", "avxvnni", "avx512vnni", "neon", "i8mm".
    const char *name;

    void (*int8_matmul)(const octavo_int8_matmul *arguments);
    void (*float_matmul)(const octavo_float_matmul *arguments);

    /// y = w * (x * (1 / sqrt(mean(x^2) + epsilon))), the sum in lane order. Zhang and Sennrich, 2019,
    /// arXiv:1910.07467. x, w and y have `count` floats padded to OCTAVO_LANES; y may be x.
    void (*rms_norm)(const float *x, const float *w, float epsilon, size_t count, float *y);

    /// Of each of `groups` equal parts of x: s = max(absmax / 127, 1e-5); q = clamp(rint(x * (1 / s)), -127, 127),
    /// halves to even; sum = sum of q. x has `count` floats padded to OCTAVO_LANES, q is padded to OCTAVO_DEPTH; with
    /// more than one group, `count` is a multiple of OCTAVO_DEPTH * groups.
    void (*quantize)(const float *x, size_t count, size_t groups, int8_t *q, float *scales, int32_t *sums);

    /// x in two planes of seven bits and their signs: s = max(absmax / 16256, 1e-7); r = clamp(rint(x * (1 / s)),
    /// -16256, 16256); high = rint(r / 128), halves to even; low = r - 128 high. q gets [2][count padded to
    /// OCTAVO_DEPTH], high first, `scales` 128 s and s, or NaN if an element is NaN or infinite, `sums` the sums of high
    /// and low.
    void (*quantize_planes)(const float *x, size_t count, int8_t *q, float scales[2], int32_t sums[2]);

    /// The index of the largest of `count` floats, the lowest of several; `count` if any is NaN or infinite.
    size_t (*largest)(const float *x, size_t count);

    /// y = gate / (1 + exp(-gate)) * up (Shazeer, 2020, arXiv:2002.05202). All `count` floats padded to OCTAVO_LANES;
    /// y may be gate or up.
    void (*silu_multiply)(const float *gate, const float *up, size_t count, float *y);

    /// Rotates pairs (x[i], x[i + half]) by the angles and multiplies by `scale`; y gets 2 * half floats and zeros up to
    /// `padded`. Su et al., 2021, arXiv:2104.09864, with the halves as Hugging Face lays them out.
    void (*rotate)(
        const float *x, const float *cosines, const float *sines, size_t half, float scale, size_t padded, float *y);

    /// One head's key or value for a cache of INT8, quantized as `quantize` does; returns its scale, NaN if an element is
    /// NaN or infinite. `count` is a multiple of OCTAVO_LANES.
    float (*quantize_cached)(const float *x, size_t count, int8_t *q);

    /// x H in place, H of entries 1 and -1 by Sylvester's construction: blocks of it along the diagonal, of the largest
    /// power of two that divides `count`.
    void (*hadamard)(float *x, size_t count);

    /// Attention over a cache of f32, f16 or INT8.
    void (*attention_f32)(const octavo_attention *arguments);
    void (*attention_f16)(const octavo_attention *arguments);
    void (*attention_int8)(const octavo_attention *arguments);

    /// f32 to f16, to nearest, halves to even; `count` a multiple of OCTAVO_LANES.
    void (*to_f16)(const float *x, size_t count, uint16_t *y);
    /// f16 or bf16 to f32, exact; `count` a multiple of OCTAVO_LANES.
    void (*from_f16)(const uint16_t *x, size_t count, float *y);
    void (*from_bf16)(const uint16_t *x, size_t count, float *y);

    /// The ceilings that kernels are measured against, from registers alone: `rounds` times a fixed number of the
    /// fastest multiply-accumulate instructions. They return the multiply-accumulates done, or 0 if there is no such
    /// measure.
    uint64_t (*int8_peak)(size_t rounds);
    uint64_t (*float_peak)(size_t rounds);
    /// Reads `count` floats (a multiple of OCTAVO_LANES * 4 * streams) in as many equal parts side by side, each fetched
    /// `ahead` bytes before it is read (0: not), and returns a sum that depends on all of them.
    float (*read_all)(const float *x, size_t count, size_t streams, size_t ahead);
} octavo_kernels;

/// The most tables that any CPU can run.
#define OCTAVO_MOST_TABLES 4

/// Writes every table that this CPU can run, the fastest first; the last is "scalar". `tables` has room for
/// OCTAVO_MOST_TABLES. Returns their number.
size_t octavo_available_kernels(const octavo_kernels **tables);

/// Packs INT8 weights, [rows][count], into a panel that int8_matmul reads, [depth / 4][16][4]. At most 16 rows; `depth` is
/// a multiple of OCTAVO_DEPTH. The padding, up to 16 rows and `depth` values of each, is set to stand for zero.
void octavo_pack_int8_panel(const int8_t *w, size_t rows, size_t count, size_t depth, uint8_t *panel);

/// The cosines and sines of position * inverse_frequency[i], the product rounded to f32 as in the reference
/// implementations, each the correctly rounded f32 but for one in about 2^25.
void octavo_rotation(int32_t position, const float *inverse_frequencies, size_t count, float *cosines, float *sines);

/// Tells the CPU that this thread spins.
static inline void octavo_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

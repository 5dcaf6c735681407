// AVX-512 with VNNI: Intel since Cascade Lake (2019), AMD since Zen 4 (2022).
#if defined(__x86_64__)
#pragma STDC FP_CONTRACT OFF

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)

#include "lanes_avx512.h"

#include "float_kernels.h"

/// The most rows in a block.
#define BLOCK_ROWS 8
/// Bytes of the depth between two occasions to fetch.
#define FETCH_STEP 16

/// What a block of rows reads ahead, evenly, since more misses at once than a core can have outstanding would stop it.
typedef struct {
    const uint8_t *from;
    /// Cache lines for every FETCH_STEP of the depth; a panel has four of its own.
    size_t lines;
} ahead;

static inline void store_panel(const octavo_int8_matmul *p, size_t m, size_t panel, __m512 total) {
    __m512 y = _mm512_mul_ps(total, _mm512_loadu_ps(p->w_scale + panel * OCTAVO_PANEL));
    float *out = output_row(p, m) + panel * OCTAVO_PANEL;
    _mm512_storeu_ps(out, adds_to_output(p, m) ? _mm512_add_ps(_mm512_loadu_ps(out), y) : y);
}

/// ROWS activations by PANELS panels, both constant so that the loops over them unroll and the sums stay in registers.
/// vpdpbusd multiplies unsigned weights by four broadcast signed activations and adds the four products to 32 bits,
/// without saturation.
ALWAYS_INLINE void multiply_block(
    const octavo_int8_matmul *p, size_t m, size_t panel, ahead next, const int ROWS, const int PANELS) {
    size_t depth = p->depth, width = depth / p->groups;
    const uint8_t *w = p->w + panel * OCTAVO_PANEL * depth;
    const int8_t *a = p->a + m * depth;
    __m512 totals[BLOCK_ROWS][3];
    UNROLLED for (int r = 0; r < ROWS; r++)
        UNROLLED for (int c = 0; c < PANELS; c++) totals[r][c] = _mm512_setzero_ps();
    for (size_t group = 0; group < p->groups; group++) {
        __m512i sums[BLOCK_ROWS][3];
        UNROLLED for (int r = 0; r < ROWS; r++) {
            // The weights' offset of 128 adds 128 times the sum of the activations.
            int32_t offset = (int32_t)((uint32_t)p->a_sum[(m + r) * p->groups + group] << 7);
            UNROLLED for (int c = 0; c < PANELS; c++) sums[r][c] = _mm512_set1_epi32(-offset);
        }
        for (size_t start = group * width; start < (group + 1) * width; start += FETCH_STEP) {
            for (size_t line = 0; line < next.lines; line++, next.from += 64) __builtin_prefetch(next.from, 0, 2);
            for (size_t k = start; k < start + FETCH_STEP; k += 4) {
                __m512i weights[3];
                UNROLLED for (int c = 0; c < PANELS; c++)
                    weights[c] = _mm512_loadu_si512(w + c * OCTAVO_PANEL * depth + k * OCTAVO_PANEL);
                UNROLLED for (int r = 0; r < ROWS; r++) {
                    int32_t four;
                    __builtin_memcpy(&four, a + r * depth + k, 4);
                    __m512i activations = _mm512_set1_epi32(four);
                    UNROLLED for (int c = 0; c < PANELS; c++)
                        sums[r][c] = _mm512_dpbusd_epi32(sums[r][c], weights[c], activations);
                }
            }
        }
        UNROLLED for (int r = 0; r < ROWS; r++) {
            __m512 scale = _mm512_set1_ps(p->a_scale[(m + r) * p->groups + group]);
            UNROLLED for (int c = 0; c < PANELS; c++)
                totals[r][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][c]), scale, totals[r][c]);
        }
    }
    UNROLLED for (int r = 0; r < ROWS; r++)
        UNROLLED for (int c = 0; c < PANELS; c++) store_panel(p, m + r, panel + c, totals[r][c]);
}

/// Up to BLOCK_ROWS rows by PANELS panels.
ALWAYS_INLINE void multiply_rows(
    const octavo_int8_matmul *p, size_t m, size_t rows, size_t panel, ahead next, const int PANELS) {
    switch (rows) {
    case 1: multiply_block(p, m, panel, next, 1, PANELS); break;
    case 2: multiply_block(p, m, panel, next, 2, PANELS); break;
    case 3: multiply_block(p, m, panel, next, 3, PANELS); break;
    case 4: multiply_block(p, m, panel, next, 4, PANELS); break;
    case 5: multiply_block(p, m, panel, next, 5, PANELS); break;
    case 6: multiply_block(p, m, panel, next, 6, PANELS); break;
    case 7: multiply_block(p, m, panel, next, 7, PANELS); break;
    default: multiply_block(p, m, panel, next, 8, PANELS); break;
    }
}

/// Panels whose weights are read side by side.
///
/// Eight rows by three panels keep 24 sums, 3 weights and the broadcasts in the 32 registers; with groups there are
/// totals besides. Rows of a single block need each weight once: one panel after the other is one stream through
/// memory, which the CPU's prefetching and ours follow best. Long panels that wait for memory alone are the exception.
static size_t panels_side_by_side(const octavo_int8_matmul *p) {
    if (p->rows > BLOCK_ROWS) return p->groups > 1 ? 2 : 3;
    return p->rows < 4 && p->depth >= 4096 ? 3 : 1;
}

/// What block `block` of `blocks` fetches while it uses `width` panels at `panels`, of which `rest` bytes follow.
///
/// The panels that follow go to the second-level cache, where they stay for all blocks: each fetches its share. A
/// single block has no such time: it fetches what it is about to use, if its arithmetic is slow enough that the CPU's
/// own prefetching would wait for it.
static ahead fetched(
    const octavo_int8_matmul *p, const uint8_t *panels, size_t width, size_t rest, size_t block, size_t blocks) {
    size_t lines = width * OCTAVO_PANEL * FETCH_STEP / 64;
    if (blocks == 1) return (ahead){panels + smaller(8192, rest), p->rows < 4 ? 0 : lines};
    size_t share = (lines + blocks - 1) / blocks, skipped = share * block;
    if (rest == 0 || skipped >= lines) return (ahead){panels, 0};
    return (ahead){panels + width * OCTAVO_PANEL * p->depth + skipped * 64 * (p->depth / FETCH_STEP), share};
}

static void int8_matmul(const octavo_int8_matmul *p) {
    size_t blocks = (p->rows + BLOCK_ROWS - 1) / BLOCK_ROWS, panel_bytes = OCTAVO_PANEL * p->depth;
    size_t most = panels_side_by_side(p);
    for (size_t panel = 0; panel < p->panels; panel += most) {
        size_t width = smaller(most, p->panels - panel);
        size_t rest = (p->panels - panel - width) * panel_bytes;
        for (size_t block = 0; block < blocks; block++) {
            size_t m = p->rows * block / blocks, rows = p->rows * (block + 1) / blocks - m;
            ahead next = fetched(p, p->w + panel * panel_bytes, width, rest, block, blocks);
            switch (width) {
            case 3: multiply_rows(p, m, rows, panel, next, 3); break;
            case 2: multiply_rows(p, m, rows, panel, next, 2); break;
            default: multiply_rows(p, m, rows, panel, next, 1); break;
            }
        }
    }
}

static uint64_t int8_peak(size_t rounds) {
    enum { CHAINS = 16 };
    __m512i sums[CHAINS], a = _mm512_set1_epi8(3), w = _mm512_set1_epi8(5);
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_setzero_si512();
    for (size_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], w, a);
    __asm__ volatile("" : : "r"(sums) : "memory");
    return (uint64_t)rounds * CHAINS * 64;
}

const octavo_kernels octavo_kernels_avx512vnni = OCTAVO_TABLE("avx512vnni");

#pragma clang attribute pop
#endif

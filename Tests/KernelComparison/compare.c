// Compares every kernel table of the CPU it runs on with the scalar specification, bit for bit, over odd shapes.
//
// The Swift tests do the same on the machine at hand; this program needs nothing but a C library, so that it also runs
// where Swift does not, such as under an emulator (scripts/check-neon).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "octavo_kernels.h"

static uint64_t state = 0x0c7a0;

static uint32_t next_random(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}
static float random_float(void) { return ((float)(next_random() & 0xFFFFFF) / 0x800000 - 1.0f) * (float)(1 << next_random() % 6); }

static int failures = 0;

static void expect_equal(const char *table, const char *what, const void *expected, const void *found, size_t bytes) {
    if (memcmp(expected, found, bytes) == 0) return;
    failures++;
    printf("%s: %s differs from the specification\n", table, what);
}

enum { MOST = 70 * 256 };
static float x[MOST], y[MOST], z[MOST], expected[MOST], found[MOST];
static uint16_t halves[MOST], expected_halves[MOST], found_halves[MOST];

static void fill(float *values, size_t count, size_t padded) {
    for (size_t i = 0; i < padded; i++) values[i] = i < count ? random_float() : 0;
}
static size_t pad(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

static void compare_vectors(const octavo_kernels *s, const octavo_kernels *t) {
    for (size_t count = 1; count < 200; count += 7) {
        size_t padded = pad(count, OCTAVO_LANES);
        fill(x, count, padded), fill(y, count, padded);
        s->rms_norm(x, y, 1e-5f, count, expected), t->rms_norm(x, y, 1e-5f, count, found);
        expect_equal(t->name, "rms_norm", expected, found, padded * 4);
        s->silu_multiply(x, y, padded, expected), t->silu_multiply(x, y, padded, found);
        expect_equal(t->name, "silu_multiply", expected, found, padded * 4);
        int8_t a[512] = {0}, b[512] = {0};
        float scales[2][3];
        int32_t sums[2][3];
        size_t groups = count % 3 + 1, whole = groups == 1 ? count : groups * OCTAVO_DEPTH;
        fill(z, whole, pad(whole, OCTAVO_LANES));
        s->quantize(z, whole, groups, a, scales[0], sums[0]), t->quantize(z, whole, groups, b, scales[1], sums[1]);
        expect_equal(t->name, "quantize", a, b, pad(whole, OCTAVO_DEPTH));
        expect_equal(t->name, "the scales", scales[0], scales[1], groups * 4);
        expect_equal(t->name, "the sums", sums[0], sums[1], groups * 4);
        s->quantize_planes(x, count, a, scales[0], sums[0]), t->quantize_planes(x, count, b, scales[1], sums[1]);
        expect_equal(t->name, "quantize_planes", a, b, 2 * pad(count, OCTAVO_DEPTH));
        expect_equal(t->name, "the planes' scales", scales[0], scales[1], 8);
        expect_equal(t->name, "the planes' sums", sums[0], sums[1], 8);
        size_t places[2] = {s->largest(x, count), t->largest(x, count)};
        expect_equal(t->name, "largest", &places[0], &places[1], sizeof places[0]);
        size_t half = count / 4 + 1, head_size = pad(2 * half, OCTAVO_LANES);
        s->rotate(x, y, y + 64, half, 0.3f, head_size, expected), t->rotate(x, y, y + 64, half, 0.3f, head_size, found);
        expect_equal(t->name, "rotate", expected, found, head_size * 4);
        scales[0][0] = s->quantize_cached(x, padded, a), scales[1][0] = t->quantize_cached(x, padded, b);
        expect_equal(t->name, "quantize_cached", a, b, padded);
        expect_equal(t->name, "the cached scale", scales[0], scales[1], 4);
        memcpy(expected, x, padded * 4), memcpy(found, x, padded * 4);
        s->hadamard(expected, count), t->hadamard(found, count);
        expect_equal(t->name, "hadamard", expected, found, padded * 4);
        s->to_f16(x, padded, expected_halves), t->to_f16(x, padded, found_halves);
        expect_equal(t->name, "to_f16", expected_halves, found_halves, padded * 2);
    }
    for (size_t i = 0; i < 0x10000; i += 4096) {
        for (size_t j = 0; j < 4096; j++) halves[j] = (uint16_t)(i + j);
        s->from_f16(halves, 4096, expected), t->from_f16(halves, 4096, found);
        expect_equal(t->name, "from_f16", expected, found, 4096 * 4);
        s->from_bf16(halves, 4096, expected), t->from_bf16(halves, 4096, found);
        expect_equal(t->name, "from_bf16", expected, found, 4096 * 4);
    }
}

static void compare_matrices(const octavo_kernels *s, const octavo_kernels *t) {
    static int8_t a[17 * 192], row[192];
    static uint8_t w[7 * 16 * 192];
    static float a_scale[17 * 3], w_scale[7 * 16];
    static int32_t a_sum[17 * 3];
    for (size_t rows = 1; rows <= 17; rows++)
        for (size_t panels = 1; panels <= 7; panels += 2)
            for (size_t depth = 64; depth <= 192; depth += 64) {
                size_t groups = rows % 2 ? depth / 64 : 1, width = depth / groups;
                for (size_t part = 0; part < rows * groups; part++) {
                    a_sum[part] = 0, a_scale[part] = random_float();
                    for (size_t k = part * width; k < (part + 1) * width; k++) {
                        a[k] = (int8_t)(next_random() % 255 - 127);
                        a_sum[part] += a[k];
                    }
                }
                for (size_t n = 0; n < panels * 16; n++) {
                    for (size_t k = 0; k < depth; k++) row[k] = (int8_t)(next_random() % 256 - 128);
                    octavo_pack_int8_row(row, depth, depth, n, w);
                    w_scale[n] = random_float();
                }
                fill(x, MOST, rows * panels * 16);
                octavo_int8_matmul p = {a, a_scale, a_sum, rows, depth, groups, rows % 2 ? 1 : 2, w, w_scale,
                                        panels, expected, panels * 16, (int)(panels / 2 & 1)};
                memcpy(expected, x, sizeof x), memcpy(found, x, sizeof x);
                s->int8_matmul(&p);
                p.out = found, t->int8_matmul(&p);
                expect_equal(t->name, "int8_matmul", expected, found, rows * panels * 16 * 4);
            }
    for (size_t rows = 1; rows <= 9; rows++)
        for (size_t columns = 1; columns <= 9; columns++)
            for (int type = OCTAVO_F32; type <= OCTAVO_BF16; type++) {
                fill(x, MOST, rows * 48), fill(y, MOST, columns * 48);
                for (size_t i = 0; i < columns * 48; i++) halves[i] = (uint16_t)(next_random() & 0xBBFF);
                octavo_float_matmul p = {x, rows, 48, type == OCTAVO_F32 ? (void *)y : (void *)halves, type, columns,
                                         expected, columns};
                s->float_matmul(&p);
                p.out = found, t->float_matmul(&p);
                expect_equal(t->name, "float_matmul", expected, found, rows * columns * 4);
            }
}

/// Blocks of `count` integers and the scales behind them.
static void fill_integers(int8_t *bytes, size_t blocks, size_t count, size_t scales) {
    for (size_t block = 0; block < blocks; block++) {
        for (size_t i = 0; i < count; i++) *bytes++ = (int8_t)(next_random() % 255 - 127);
        for (size_t i = 0; i < scales; i++, bytes += sizeof(float)) {
            float scale = random_float() / 127;
            memcpy(bytes, &scale, sizeof scale);
        }
    }
}

static void compare_attention(const octavo_kernels *s, const octavo_kernels *t) {
    enum { LENGTH = 16, BLOCKS = 6, STRIDE = LENGTH * BLOCKS + 96, SCALES = LENGTH * sizeof(float) };
    static float scores[4 * 7 * STRIDE];
    static int8_t key_bytes[BLOCKS * (LENGTH * 80 + SCALES)], value_bytes[sizeof key_bytes];
    int32_t blocks[BLOCKS] = {3, 0, 5, 1, 4, 2};
    for (size_t length = 1; length <= 70; length += 3)
        for (size_t head_size = 16; head_size <= 80; head_size += 16) {
            size_t dimension = head_size - 8, heads = 1 + length % 4, positions = 1 + length % 7;
            size_t queries = positions * heads, room = LENGTH * BLOCKS * head_size;
            fill(x, MOST, queries * head_size), fill(y, room, room), fill(z, room, room);
            octavo_attention p = {
                .q = x, .q_stride = heads * head_size, .positions = positions, .heads = heads, .head_size = head_size,
                .keys = y, .values = z, .blocks = blocks, .block_stride = LENGTH * head_size * 4,
                .block_length = LENGTH, .length = length, .scores = scores, .score_stride = STRIDE,
                .out = expected, .out_stride = heads * dimension, .head_dimension = dimension};
            s->attention_f32(&p);
            p.out = found, t->attention_f32(&p);
            expect_equal(t->name, "attention_f32", expected, found, queries * dimension * 4);
            s->to_f16(y, room, halves), s->to_f16(z, room, expected_halves);
            p.keys = halves, p.values = expected_halves, p.block_stride = LENGTH * head_size * 2;
            p.out = expected, s->attention_f16(&p);
            p.out = found, t->attention_f16(&p);
            expect_equal(t->name, "attention_f16", expected, found, queries * dimension * 4);
            p.block_stride = LENGTH * head_size + SCALES;
            fill_integers(key_bytes, BLOCKS, LENGTH * head_size, LENGTH);
            fill_integers(value_bytes, BLOCKS, LENGTH * head_size, LENGTH);
            p.keys = key_bytes, p.values = value_bytes;
            p.out = expected, s->attention_int8(&p);
            p.out = found, t->attention_int8(&p);
            expect_equal(t->name, "attention_int8", expected, found, queries * dimension * 4);
        }
}

int main(void) {
    const octavo_kernels *const *tables;
    size_t count = octavo_available_kernels(&tables);
    const octavo_kernels *specification = tables[count - 1];
    for (size_t i = 0; i + 1 < count; i++) {
        compare_vectors(specification, tables[i]);
        compare_matrices(specification, tables[i]);
        compare_attention(specification, tables[i]);
        printf("%s compared with %s\n", tables[i]->name, specification->name);
    }
    printf("%d differences\n", failures);
    return failures == 0 && count > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

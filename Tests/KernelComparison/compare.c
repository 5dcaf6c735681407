// Compares every kernel table of the CPU it runs on with the scalar specification, bit for bit, over odd shapes; and the
// AVX-VNNI kernels even where the CPU lacks their instruction, which is then emulated.
//
// The Swift tests do the same on the machine at hand; this program needs nothing but a C library, so that it also runs
// where Swift does not, such as under an emulator (scripts/check-neon). It is a process of its own since the instruction
// is emulated for a whole process.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "octavo_kernels.h"
#include "random.h"
#if defined(__x86_64__) && defined(__linux__)
#include "avxvnni_emulator.h"
#include "check_emulator.h"
#endif

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

typedef struct {
    size_t rows, panels, depth, groups, planes;
    int accumulates;
    /// Whether all weights are -128 or 127 and all activations -127 or 127.
    int is_extreme;
} product;

enum { DEEPEST = 65536 };

static void compare_product(const octavo_kernels *s, const octavo_kernels *t, product shape) {
    static int8_t a[3 * DEEPEST], rows[16 * DEEPEST];
    static uint8_t w[16 * DEEPEST];
    static float a_scale[17 * 24], w_scale[7 * 16];
    static int32_t a_sum[17 * 24];
    size_t depth = shape.depth, width = depth / shape.groups, room = shape.rows * shape.panels * 16;
    for (size_t part = 0; part < shape.rows * shape.groups; part++) {
        a_sum[part] = 0, a_scale[part] = random_float();
        for (size_t k = part * width; k < (part + 1) * width; k++) {
            int value = (int)(next_random() % 255) - 127;
            a[k] = (int8_t)(!shape.is_extreme ? value : value < 0 ? -127 : 127);
            a_sum[part] += a[k];
        }
    }
    for (size_t n = 0; n < shape.panels * 16; n++) {
        for (size_t k = 0; k < depth; k++) {
            int value = (int)(next_random() % 256) - 128;
            rows[n % 16 * depth + k] = (int8_t)(!shape.is_extreme ? value : value < 0 ? -128 : 127);
        }
        if (n % 16 == 15) octavo_pack_int8_panel(rows, 16, depth, depth, w + n / 16 * 16 * depth);
        w_scale[n] = random_float();
    }
    fill(x, MOST, room);
    octavo_int8_matmul p = {
        .a = a, .a_scale = a_scale, .a_sum = a_sum, .rows = shape.rows, .depth = depth, .groups = shape.groups,
        .planes = shape.planes, .w = w, .w_scale = w_scale, .panels = shape.panels, .out_stride = shape.panels * 16,
        .accumulates = shape.accumulates};
    memcpy(expected, x, sizeof x), memcpy(found, x, sizeof x);
    p.out = expected, s->int8_matmul(&p);
    p.out = found, t->int8_matmul(&p);
    expect_equal(t->name, "int8_matmul", expected, found, room * 4);
}

static void compare_int8_products(const octavo_kernels *s, const octavo_kernels *t) {
    for (size_t rows = 1; rows <= 17; rows++)
        for (size_t panels = 1; panels <= 7; panels += 2)
            for (size_t depth = 64; depth <= 192; depth += 64) {
                int is_odd = rows & 1, is_extreme = (rows + panels) % 3 == 0, accumulates = (int)(panels / 2 & 1);
                product shape = {rows, panels, depth, is_odd ? depth / 64 : 1, is_odd ? 1 : 2, accumulates, is_extreme};
                compare_product(s, t, shape);
            }
    for (size_t rows = 1; rows <= 17; rows += 4) {
        compare_product(s, t, (product){rows, 2, 576, 9, 1, 0, 0});
        compare_product(s, t, (product){rows, 1, 1536, 24, 1, 1, 1});
    }
    for (size_t rows = 1; rows <= 3; rows++) compare_product(s, t, (product){rows, 1, DEEPEST, 1, 1, 0, 1});
}

static void compare_float_products(const octavo_kernels *s, const octavo_kernels *t) {
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
                .block_length = LENGTH, .following = y, .length = length, .scores = scores, .score_stride = STRIDE,
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

static void compare(const octavo_kernels *specification, const octavo_kernels *table) {
    compare_vectors(specification, table);
    compare_int8_products(specification, table);
    compare_float_products(specification, table);
    compare_attention(specification, table);
    printf("%s compared with %s\n", table->name, specification->name);
}

#if defined(__x86_64__) && defined(__linux__)
static int includes(const octavo_kernels *const *tables, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(tables[i]->name, name) == 0) return 1;
    return 0;
}

/// Compares the kernels that need an emulator here, and have one; `tables` are those that do not.
static void compare_emulated(const octavo_kernels *const *tables, size_t count) {
    extern const octavo_kernels octavo_kernels_avxvnni;
    if (includes(tables, count, "avxvnni") || !includes(tables, count, "avx2")) return;
    emulate_avxvnni();
    failures += check_avxvnni_emulator();
    compare(tables[count - 1], &octavo_kernels_avxvnni);
}
#else
static void compare_emulated(const octavo_kernels *const *tables, size_t count) { (void)tables, (void)count; }
#endif

int main(void) {
    const octavo_kernels *tables[OCTAVO_MOST_TABLES];
    size_t count = octavo_available_kernels(tables);
    for (size_t i = 0; i + 1 < count; i++) compare(tables[count - 1], tables[i]);
    compare_emulated(tables, count);
    printf("%d differences\n", failures);
    return failures == 0 && count > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Decodes and computes the instructions VEX.{128,256}.66.0F38.W0 50 to 53 on the registers that Linux saved when the CPU
// refused them. Intel 64 and IA-32 Architectures Software Developer's Manual: volume 2A, chapter 2 (encoding), volume 2C
// (the operations), volume 1, chapter 13 (the XSAVE area).
#if defined(__x86_64__) && defined(__linux__)
#define _GNU_SOURCE
#include "avxvnni_emulator.h"

#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

// MARK: - What an instruction says

typedef struct {
    /// 0x50 to 0x53.
    uint8_t opcode;
    /// 16 or 32: how much of a register takes part.
    size_t width;
    /// Registers: the sums, and the first factor.
    unsigned destination, first;
    /// The second factor: in memory, or if that is null, in a register.
    const uint8_t *memory;
    unsigned second;
    const uint8_t *next;
} instruction;

/// General registers as instructions number them.
static int64_t general_register(const ucontext_t *context, unsigned number) {
    static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return context->uc_mcontext.gregs[places[number]];
}

/// Decodes the operand in memory that ModRM, which `code` points to, and what follows it name; sets `next`.
///
/// `x` and `b` are the VEX prefix's fourth bits of the index and the base: 8 or 0.
static void decode_memory(instruction *i, const uint8_t *code, const ucontext_t *context, unsigned x, unsigned b) {
    unsigned mode = *code >> 6, base = *code & 7;
    int64_t address = 0;
    int has_sib = base == 4, is_relative = mode == 0 && base == 5;
    code++;
    if (has_sib) {
        unsigned scale = *code >> 6, index = (*code >> 3 & 7) | x;
        base = *code++ & 7;
        if (index != 4) address = general_register(context, index) << scale;  // 4 would be the stack pointer: no index
    }
    int has_base = !(mode == 0 && base == 5);
    if (has_base) address += general_register(context, base | b);
    if (mode == 1) address += (int8_t)*code++;
    if (mode == 2 || !has_base) {
        int32_t displacement;
        memcpy(&displacement, code, sizeof displacement);
        address += displacement;
        code += sizeof displacement;
    }
    i->next = code;
    if (is_relative) address += (int64_t)(intptr_t)code;  // to the instruction after this one
    i->memory = (const uint8_t *)(intptr_t)address;
}

/// Whether `code` is one of the instructions that are emulated; then `i` says which.
static int decode(instruction *i, const uint8_t *code, const ucontext_t *context) {
    // C4, inverted R X B and the map 0F38, W 0 with inverted vvvv and the prefix 66, the opcode.
    if (code[0] != 0xC4 || (code[1] & 0x1F) != 2 || (code[2] & 0x83) != 1 || (code[3] & 0xFC) != 0x50) return 0;
    unsigned r = code[1] & 0x80 ? 0 : 8, x = code[1] & 0x40 ? 0 : 8, b = code[1] & 0x20 ? 0 : 8;
    i->opcode = code[3];
    i->width = code[2] & 4 ? 32 : 16;
    i->first = ~code[2] >> 3 & 15;
    i->destination = (code[4] >> 3 & 7) | r;
    if (code[4] >> 6 == 3) {
        i->memory = 0;
        i->second = (code[4] & 7) | b;
        i->next = code + 5;
    } else {
        decode_memory(i, code + 4, context, x, b);
    }
    return 1;
}

// MARK: - What it does

static int32_t saturate(int64_t sum) { return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : (int32_t)sum; }

/// The products of one lane of 32 bits: of four bytes, unsigned by signed, or of two signed words.
static int64_t multiply(uint8_t opcode, uint32_t first, uint32_t second) {
    int64_t sum = 0;
    if (opcode <= 0x51)
        for (int shift = 0; shift < 32; shift += 8) sum += (uint8_t)(first >> shift) * (int8_t)(second >> shift);
    else
        for (int shift = 0; shift < 32; shift += 16)
            sum += (int64_t)(int16_t)(first >> shift) * (int16_t)(second >> shift);
    return sum;
}

static void compute(const instruction *i, uint32_t *sums, const uint32_t *first, const uint32_t *second) {
    int saturates = i->opcode & 1;
    for (size_t lane = 0; lane < i->width / 4; lane++) {
        int64_t sum = (int32_t)sums[lane] + multiply(i->opcode, first[lane], second[lane]);
        sums[lane] = saturates ? (uint32_t)saturate(sum) : (uint32_t)sum;
    }
}

// MARK: - Vector registers

/// The parts of an XSAVE area, by the bits that tell whether they are in use.
enum { SSE = 1, AVX = 2, ZMM_HIGH = 6 };
/// Where the low 16 bytes of the vector registers are, and the bits.
enum { LOW_OFFSET = 160, BITS_OFFSET = 512 };
/// Bytes from one register to the next: bits 0 to 127, 128 to 255, 256 to 511.
enum { LOW_SIZE = 16, HIGH_SIZE = 16, ZMM_HIGH_SIZE = 32 };

/// Offsets of the parts that CPUs need not have; 0 if this one has not.
static size_t avx_offset, zmm_high_offset;

static size_t part_offset(unsigned part) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(0xD, part, &eax, &ebx, &ecx, &edx) && eax != 0 ? ebx : 0;
}

static int is_in_use(const uint8_t *area, int part) { return area[BITS_OFFSET] >> part & 1; }

static void read_register(const uint8_t *area, unsigned number, uint32_t values[8]) {
    memset(values, 0, 32);  // the state of parts not in use
    if (is_in_use(area, SSE)) memcpy(values, area + LOW_OFFSET + number * LOW_SIZE, LOW_SIZE);
    if (is_in_use(area, AVX)) memcpy(values + 4, area + avx_offset + number * HIGH_SIZE, HIGH_SIZE);
}

/// Marks a part as in use, its sixteen registers being zero if they were not.
static void use_part(uint8_t *area, int part, size_t offset, size_t size) {
    if (!is_in_use(area, part)) memset(area + offset, 0, 16 * size);
    area[BITS_OFFSET] |= (uint8_t)(1 << part);
}

/// Writes the low `width` bytes of a register; the rest of it becomes zero, as after every VEX-encoded instruction.
static void write_register(uint8_t *area, unsigned number, uint32_t values[8], size_t width) {
    if (width < 32) memset(values + 4, 0, 16);
    use_part(area, SSE, LOW_OFFSET, LOW_SIZE);
    memcpy(area + LOW_OFFSET + number * LOW_SIZE, values, LOW_SIZE);
    use_part(area, AVX, avx_offset, HIGH_SIZE);
    memcpy(area + avx_offset + number * HIGH_SIZE, values + 4, HIGH_SIZE);
    if (is_in_use(area, ZMM_HIGH)) memset(area + zmm_high_offset + number * ZMM_HIGH_SIZE, 0, ZMM_HIGH_SIZE);
}

// MARK: - The signal

static void handle(int number, siginfo_t *information, void *opaque) {
    (void)information;
    ucontext_t *context = opaque;
    uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;
    instruction i;
    if (!decode(&i, (const uint8_t *)context->uc_mcontext.gregs[REG_RIP], context)) {
        signal(number, SIG_DFL);  // the instruction is tried again, and ends the process
        return;
    }
    uint32_t sums[8], first[8], second[8];
    read_register(area, i.destination, sums);
    read_register(area, i.first, first);
    if (i.memory) memcpy(second, i.memory, i.width);
    else read_register(area, i.second, second);
    compute(&i, sums, first, second);
    write_register(area, i.destination, sums, i.width);
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(intptr_t)i.next;
}

void emulate_avxvnni(void) {
    avx_offset = part_offset(AVX);
    zmm_high_offset = part_offset(ZMM_HIGH);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGILL, &action, 0);
}
#endif

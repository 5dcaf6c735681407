// The emulator beside the CPU: the same four operations, VEX-encoded through the emulator, and EVEX-encoded through the CPU's
// AVX-512 VNNI.
#if defined(__x86_64__) && defined(__linux__)
#include "check_emulator.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

/// What an instruction reads, and what it leaves: all 64 bytes of the destination, since it clears those above its width.
typedef struct { uint32_t sums[16], first[8], second[8]; } operands;

/// Where the second factor is for the instructions that read it from memory.
static uint32_t factor[8];

/// A function that runs one instruction. D, A and B are the numbers of the registers of the sums and factors; SOURCE is the
/// second factor as the instruction names it: register B, or memory, by rip, or by rsi, r12 and r13, which are its
/// address, with rcx, which is 8, and r14, which is -2.
#define DEFINE(OPERATION, SIZE, NAME, ENCODING, D, A, B, SOURCE)                                                   \
    __attribute__((target("avxvnni,avx512vnni,avx512vl"))) static void OPERATION##_##SIZE##_##NAME(operands *o) {  \
        memcpy(factor, o->second, sizeof factor);                                                                  \
        __asm__ volatile(                                                                                          \
            "movq $8, %%rcx\n movq %%rsi, %%r12\n movq %%rsi, %%r13\n movq $-2, %%r14\n"                           \
            "vmovdqu64 (%[sums]), %%zmm" D "\n vmovdqu (%[first]), %%ymm" A "\n vmovdqu (%%rsi), %%ymm" B "\n"     \
            ENCODING " " #OPERATION " " SOURCE ", %%" #SIZE "mm" A ", %%" #SIZE "mm" D "\n"                        \
            "vmovdqu64 %%zmm" D ", (%[sums])\n vzeroupper\n"                                                       \
            :                                                                                                      \
            : [sums] "r"(o->sums), [first] "r"(o->first), "S"(factor)                                              \
            : "memory", "rcx", "r12", "r13", "r14", "xmm" D, "xmm" A, "xmm" B);                                    \
    }

#define FORMS(DO, OPERATION, SIZE)                                                                                 \
    DO(OPERATION, SIZE, registers, "%{vex%}", "1", "2", "3", "%%" #SIZE "mm3")                                       \
    DO(OPERATION, SIZE, high_registers, "%{vex%}", "15", "8", "11", "%%" #SIZE "mm11")                               \
    DO(OPERATION, SIZE, mixed_registers, "%{vex%}", "9", "0", "7", "%%" #SIZE "mm7")                                 \
    DO(OPERATION, SIZE, base, "%{vex%}", "6", "13", "4", "(%%rsi)")                                                  \
    DO(OPERATION, SIZE, base_12, "%{vex%}", "6", "13", "4", "(%%r12)")                                               \
    DO(OPERATION, SIZE, base_13, "%{vex%}", "6", "13", "4", "(%%r13)")                                               \
    DO(OPERATION, SIZE, near, "%{vex%}", "12", "5", "10", "-32(%%rsi,%%rcx,4)")                                      \
    DO(OPERATION, SIZE, near_high, "%{vex%}", "12", "5", "10", "16(%%r13,%%r14,8)")                                  \
    DO(OPERATION, SIZE, far, "%{vex%}", "12", "5", "10", "-16(%%rsi,%%rcx,2)")                            \
    DO(OPERATION, SIZE, index_alone, "%{vex%}", "2", "1", "14", "0(,%%r12,1)")                                       \
    DO(OPERATION, SIZE, relative, "%{vex%}", "2", "1", "14", "factor(%%rip)")

#define OPERATIONS(DO)                                                                                             \
    DO(vpdpbusd, x) DO(vpdpbusd, y) DO(vpdpbusds, x) DO(vpdpbusds, y)                                              \
    DO(vpdpwssd, x) DO(vpdpwssd, y) DO(vpdpwssds, x) DO(vpdpwssds, y)

#define DEFINE_ALL(OPERATION, SIZE)                                                                                \
    DEFINE(OPERATION, SIZE, native, "%{evex%}", "1", "2", "3", "%%" #SIZE "mm3")                                     \
    FORMS(DEFINE, OPERATION, SIZE)
OPERATIONS(DEFINE_ALL)

typedef struct {
    const char *name;
    void (*emulated)(operands *), (*native)(operands *);
} form;

#define ENTRY(OPERATION, SIZE, NAME, ...)                                                                          \
    {#OPERATION " " #SIZE "mm " #NAME, OPERATION##_##SIZE##_##NAME, OPERATION##_##SIZE##_native},
#define ENTRIES(OPERATION, SIZE) FORMS(ENTRY, OPERATION, SIZE)
static const form forms[] = {OPERATIONS(ENTRIES)};

/// Operands of any bits; in every other call, sums near either end of their range.
static operands random_operands(int is_near_end) {
    operands o;
    uint32_t *words = o.sums;
    for (size_t i = 0; i < sizeof o / 4; i++) words[i] = next_random() << 16 ^ next_random();
    if (is_near_end)
        for (int i = 0; i < 16; i++) o.sums[i] = (o.sums[i] & 0xFFFF) + (i % 2 ? 0x7FFF0000 : 0x80000000);
    return o;
}

static int check_forms(void) {
    int failures = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int round = 0; round < 100; round++) {
            operands expected = random_operands(round % 2), found = expected;
            forms[i].native(&expected), forms[i].emulated(&found);
            if (memcmp(&expected, &found, sizeof found) == 0) continue;
            failures++;
            printf("%s: the emulator differs from the CPU\n", forms[i].name);
            break;
        }
    printf("%zu forms of instructions emulated\n", sizeof forms / sizeof *forms);
    return failures;
}

/// What Swift's traps are made of must not be swallowed.
static int check_others_end_the_process(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        __asm__ volatile("ud2");
        _exit(0);
    }
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGILL) return 0;
    printf("ud2 did not end the process\n");
    return 1;
}

int check_avxvnni_emulator(void) {
    int has_native = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl");
    if (!has_native) printf("the emulator is not checked: this CPU has no AVX-512 VNNI\n");
    return (has_native ? check_forms() : 0) + check_others_end_the_process();
}
#endif

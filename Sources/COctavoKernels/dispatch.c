// Which kernels this CPU can run.
#include "octavo_kernels.h"

extern const octavo_kernels octavo_kernels_scalar;

#if defined(__x86_64__)
#include <cpuid.h>

extern const octavo_kernels octavo_kernels_avx2, octavo_kernels_avxvnni, octavo_kernels_avx512vnni;

static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
/// Not all compilers' run-time libraries know AVX-VNNI: leaf 7, subleaf 1, EAX bit 4.
static int has_avxvnni(void) {
    unsigned eax, ebx, ecx, edx;
    return has_avx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1) != 0;
}
static int has_avx512vnni(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

size_t octavo_available_kernels(const octavo_kernels **tables) {
    size_t count = 0;
    if (has_avx512vnni()) tables[count++] = &octavo_kernels_avx512vnni;
    if (has_avxvnni()) tables[count++] = &octavo_kernels_avxvnni;
    if (has_avx2()) tables[count++] = &octavo_kernels_avx2;
    tables[count++] = &octavo_kernels_scalar;
    return count;
}

#elif defined(__aarch64__)
#if defined(__linux__)
#include <sys/auxv.h>
static int has_dot_product(void) { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; }  // HWCAP_ASIMDDP
static int has_i8mm(void) { return has_dot_product() && (getauxval(AT_HWCAP2) >> 13 & 1) != 0; }  // HWCAP2_I8MM
#else
static int has_dot_product(void) { return 1; }  // every Apple CPU that runs a 64-bit desktop system
static int has_i8mm(void) { return 0; }         // not all of them
#endif

extern const octavo_kernels octavo_kernels_neon, octavo_kernels_i8mm;

size_t octavo_available_kernels(const octavo_kernels **tables) {
    size_t count = 0;
    if (has_i8mm()) tables[count++] = &octavo_kernels_i8mm;
    if (has_dot_product()) tables[count++] = &octavo_kernels_neon;
    tables[count++] = &octavo_kernels_scalar;
    return count;
}

#else
size_t octavo_available_kernels(const octavo_kernels **tables) {
    tables[0] = &octavo_kernels_scalar;
    return 1;
}
#endif

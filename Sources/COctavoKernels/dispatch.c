// Which kernels this CPU can run.
#include "octavo_kernels.h"

extern const octavo_kernels octavo_kernels_scalar;

#if defined(__x86_64__)
extern const octavo_kernels octavo_kernels_avx2, octavo_kernels_avx512vnni;

size_t octavo_available_kernels(const octavo_kernels *const **tables) {
    static const octavo_kernels *const all[] = {
        &octavo_kernels_avx512vnni, &octavo_kernels_avx2, &octavo_kernels_scalar};
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    int has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    size_t skipped = has_avx512 ? 0 : has_avx2 ? 1 : 2;
    *tables = all + skipped;
    return 3 - skipped;
}

#elif defined(__aarch64__)
#if defined(__linux__)
#include <sys/auxv.h>
static int has_dot_product(void) { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; }  // HWCAP_ASIMDDP
#else
static int has_dot_product(void) { return 1; }  // every Apple CPU that runs a 64-bit desktop system
#endif

extern const octavo_kernels octavo_kernels_neon;

size_t octavo_available_kernels(const octavo_kernels *const **tables) {
    static const octavo_kernels *const all[] = {&octavo_kernels_neon, &octavo_kernels_scalar};
    size_t skipped = has_dot_product() ? 0 : 1;
    *tables = all + skipped;
    return 2 - skipped;
}

#else
size_t octavo_available_kernels(const octavo_kernels *const **tables) {
    static const octavo_kernels *const all[] = {&octavo_kernels_scalar};
    *tables = all;
    return 1;
}
#endif

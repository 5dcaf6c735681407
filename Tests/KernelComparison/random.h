// Random numbers that are the same in every run.
#pragma once

#include <stdint.h>

static inline uint32_t next_random(void) {
    static uint64_t state = 0x0c7a0;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

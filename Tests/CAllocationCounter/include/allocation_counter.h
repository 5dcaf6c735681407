#pragma once

#include <stdint.h>

/// How often the calling thread has asked for memory. A program that links this counts every call of malloc, calloc, realloc
/// and the aligned ones, of all its libraries.
uint64_t octavo_allocations_of_this_thread(void);

#include <string.h>

#include "octavo_kernels.h"

/// Four bytes of a row, those beyond its end zero; adding 128 to a byte flips its highest bit.
static inline uint32_t packed_four(const int8_t *row, size_t k, size_t count) {
    uint32_t four = 0;
    if (k + 4 <= count) memcpy(&four, row + k, 4);
    else if (k < count) memcpy(&four, row + k, count - k);
    return four ^ 0x80808080u;
}

void octavo_pack_int8_panel(const int8_t *w, size_t rows, size_t count, size_t depth, uint8_t *panel) {
    enum { FOURS = 16 };  // of a row at a time: a cache line, so that none is fetched twice
    for (size_t start = 0; start < depth; start += 4 * FOURS) {
        uint32_t fours[OCTAVO_PANEL][FOURS];
        for (size_t row = 0; row < OCTAVO_PANEL; row++)
            for (size_t i = 0; i < FOURS; i++)
                fours[row][i] = packed_four(w + row * count, start + 4 * i, row < rows ? count : 0);
        for (size_t i = 0; i < FOURS && start + 4 * i < depth; i++, panel += 4 * OCTAVO_PANEL)
            for (size_t row = 0; row < OCTAVO_PANEL; row++) memcpy(panel + 4 * row, &fours[row][i], 4);
    }
}

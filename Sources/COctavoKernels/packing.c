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
    enum { FOURS = OCTAVO_DEPTH / 4 };  // of a row at a time, a cache line, so that few are fetched twice
    for (size_t start = 0; start < depth; start += OCTAVO_DEPTH) {
        uint32_t fours[OCTAVO_PANEL][FOURS];
        for (size_t row = 0; row < OCTAVO_PANEL; row++)
            for (size_t i = 0; i < FOURS; i++)
                fours[row][i] = row < rows ? packed_four(w + row * count, start + 4 * i, count) : 0x80808080u;
        for (size_t i = 0; i < FOURS; i++, panel += 4 * OCTAVO_PANEL)
            for (size_t row = 0; row < OCTAVO_PANEL; row++) memcpy(panel + 4 * row, &fours[row][i], 4);
    }
}

#include "octavo_kernels.h"

void octavo_pack_int8_row(const int8_t *w, size_t count, size_t depth, size_t channel, uint8_t *panels) {
    uint8_t *out = panels + channel / OCTAVO_PANEL * OCTAVO_PANEL * depth + channel % OCTAVO_PANEL * 4;
    for (size_t k = 0; k < depth; k++)
        out[k / 4 * 4 * OCTAVO_PANEL + k % 4] = (uint8_t)((k < count ? w[k] : 0) + 128);
}

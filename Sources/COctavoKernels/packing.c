#include <string.h>

#include "octavo_kernels.h"

void octavo_pack_int8_row(const int8_t *w, size_t count, size_t depth, size_t channel, uint8_t *panels) {
    uint8_t *out = panels + channel / OCTAVO_PANEL * OCTAVO_PANEL * depth + channel % OCTAVO_PANEL * 4;
    for (size_t k = 0; k < depth; k += 4, out += 4 * OCTAVO_PANEL) {
        uint32_t four = 0;
        if (k + 4 <= count) memcpy(&four, w + k, 4);
        else if (k < count) memcpy(&four, w + k, count - k);
        // Adding 128 to a byte flips its highest bit.
        four ^= 0x80808080u;
        memcpy(out, &four, 4);
    }
}

#include "reactor/base/utf8.h"

/* Bytes of a character by its first byte, 0 if none begins so. */
static size_t length_from(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t base_utf8_read(const char *text, size_t length, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* a shorter form exists below it */
    unsigned char first = (unsigned char) text[0];
    size_t bytes = length_from(first);
    *character = '?';
    if (bytes == 0 || bytes > length)
        return 0;
    uint32_t value = bytes == 1 ? first : first & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if (!base_utf8_continues(text[i]))
            return 0;
        value = value << 6 | ((unsigned char) text[i] & 0x3fu);
    }
    if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0;
    *character = value;
    return bytes;
}

/* Reading UTF-8 one character at a time, for text that people wrote and that is shown to them again. */
#ifndef REACTOR_BASE_UTF8_H
#define REACTOR_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for the second and later bytes of a character. */
static inline bool base_utf8_continues(char byte)
{
    return ((unsigned char) byte & 0xc0) == 0x80;
}

/* The character at the start of text (length > 0): returns its bytes (1 to 4), or 0 with *character = '?' where the
 * text is not UTF-8 as RFC 3629 has it (cut short, overlong, a surrogate, beyond U+10FFFF). */
size_t base_utf8_read(const char *text, size_t length, uint32_t *character);

#endif

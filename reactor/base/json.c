#include "reactor/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/utf8.h"

void base_json_put(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (size_t i = 0, bytes; i < length; i += bytes) {
        uint32_t character;
        bytes = base_utf8_read(text + i, length - i, &character);
        if (bytes == 0) {
            fputs("\\ufffd", out);
            bytes = 1;
        } else if (character == '"' || character == '\\') {
            fprintf(out, "\\%c", (char) character);
        } else if (character < ' ' || (character >= 0x7f && character < 0xa0)) {
            fprintf(out, "\\u%04x", (unsigned) character);
        } else {
            fwrite(text + i, 1, bytes, out);
        }
    }
    fputc('"', out);
}

void base_json_put_text(FILE *out, const char *text)
{
    if (text)
        base_json_put(out, text, strlen(text));
    else
        fputs("null", out);
}

void base_json_real(double value, char *text, size_t bytes)
{
    if (!isfinite(value)) {
        snprintf(text, bytes, "null");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, bytes, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

void base_json_put_real(FILE *out, double value)
{
    char text[32];
    base_json_real(value, text, sizeof text);
    fputs(text, out);
}

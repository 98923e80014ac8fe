#include "reactor/base/lines.h"

#include <string.h>

struct base_lines base_lines_start(const struct base_source *source)
{
    bool marked = source->length >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0;
    return (struct base_lines){.source = source, .at = source->text + (marked ? 3 : 0), .begin = source->text,
                               .end = source->text + source->length};
}

bool base_lines_next(struct base_lines *lines)
{
    if (lines->line > 0) {
        const char *newline = memchr(lines->at, '\n', (size_t) (lines->end - lines->at));
        lines->begin = lines->at = newline ? newline + 1 : lines->end;
    }
    if (lines->at == lines->end)
        return false;
    lines->line++;
    return true;
}

struct base_place base_lines_place(const struct base_lines *lines, const char *at)
{
    return (struct base_place){lines->source, lines->line, (uint32_t) (at - lines->begin) + 1};
}

/* A text that people wrote, one record a line: which line it is, where in it, and the blanks between its pieces.
 *
 *   struct base_lines lines = base_lines_start(source);
 *   while (base_lines_next(&lines))
 *       for (base_lines_skip_blanks(&lines); !base_lines_at_end(&lines); base_lines_skip_blanks(&lines))
 *           read a piece from lines.at, which moves on behind it
 *
 * Lines end in a newline or with the text. A carriage return is a blank, a mark of UTF-8 in front is skipped. */
#ifndef REACTOR_BASE_LINES_H
#define REACTOR_BASE_LINES_H

#include <stdbool.h>

#include "reactor/base/diagnostic.h"

struct base_lines {
    const struct base_source *source; /* borrowed */
    const char *at, *end;             /* the next character, the text's end; the owner moves at, within the line */
    const char *begin;                /* of the line */
    uint32_t line;                    /* from 1 */
};

struct base_lines base_lines_start(const struct base_source *source);
/* To the next line, from anywhere in the one before. False: there is none. */
bool base_lines_next(struct base_lines *lines);
/* Of a character of the line. */
struct base_place base_lines_place(const struct base_lines *lines, const char *at);

static inline bool base_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static inline bool base_lines_at_end(const struct base_lines *lines)
{
    return lines->at == lines->end || *lines->at == '\n';
}

static inline void base_lines_skip_blanks(struct base_lines *lines)
{
    while (lines->at < lines->end && base_is_blank(*lines->at))
        lines->at++;
}

#endif

/* JSON text, for whoever writes JSON: the one escaper. */
#ifndef REACTOR_BASE_JSON_H
#define REACTOR_BASE_JSON_H

#include <stddef.h>
#include <stdio.h>

/* Writes text in quotes, with control characters escaped (C1 too: the output may be shown on a terminal) and bytes that
 * are not UTF-8 as U+FFFD, so that what comes out is JSON whatever went in. Errors are the stream's (ferror). */
void base_json_put(FILE *out, const char *text, size_t length);
/* The same, up to the NUL; NULL is null. */
void base_json_put_text(FILE *out, const char *text);
/* Writes a number as short as it reads back the same; null where it is not finite. */
void base_json_put_real(FILE *out, double value);
/* The same into text of at least 32 bytes. */
void base_json_real(double value, char *text, size_t bytes);

#endif

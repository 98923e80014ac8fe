#include <string.h>

#include "reactor/base/diagnostic.h"

/* Names are short; a hostile word of a megabyte is not compared with anything. */
#define WORD_BYTES_MAX 64

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions and transpositions of neighbours, no place edited
 * twice. Three rows suffice because a transposition looks back two. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *second_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = least_of(best, least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least_of(best, second_above[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *base_nearest_name(const char *word, size_t count, const char *(*name_at)(const void *context, size_t i),
                              const void *context)
{
    size_t length = strnlen(word, WORD_BYTES_MAX + 1);
    if (length == 0 || length > WORD_BYTES_MAX)
        return NULL;
    const char *nearest = NULL;
    size_t limit = length < 3 ? 1 : length / 3; /* the greatest distance that still counts */
    for (size_t i = 0; i < count; i++) {
        const char *name = name_at(context, i);
        size_t name_length = strnlen(name, WORD_BYTES_MAX + 1);
        if (name_length > WORD_BYTES_MAX)
            continue;
        size_t distance = edit_distance(word, length, name, name_length);
        if (distance < limit || (distance == limit && nearest == NULL)) {
            nearest = name;
            limit = distance;
        }
    }
    return nearest;
}

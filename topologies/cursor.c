#include "topologies/cursor.h"

#include <string.h>

static void step_forward(struct topology_cursor *cursor, const struct base_source *source)
{
    if (source->text[cursor->byte] == '\n') {
        cursor->line++;
        cursor->line_start = cursor->byte + 1;
    }
    do
        cursor->byte++;
    while (cursor->byte < source->length && (source->text[cursor->byte] & 0xc0) == 0x80);
    cursor->character++;
}

static void step_back(struct topology_cursor *cursor, const struct base_source *source)
{
    do
        cursor->byte--;
    while (cursor->byte > 0 && (source->text[cursor->byte] & 0xc0) == 0x80);
    cursor->character--;
    if (source->text[cursor->byte] == '\n') {
        const char *before = memrchr(source->text, '\n', cursor->byte);
        cursor->line--;
        cursor->line_start = before ? (size_t) (before - source->text) + 1 : 0;
    }
}

static struct base_place place_of(const struct topology_cursor *cursor, const struct base_source *source)
{
    return (struct base_place) {source, cursor->line, (uint32_t) (cursor->byte - cursor->line_start + 1)};
}

struct base_place topology_cursor_to_character(struct topology_cursor *cursor, const struct base_source *source,
                                               size_t character)
{
    while (cursor->character < character && cursor->byte < source->length)
        step_forward(cursor, source);
    while (cursor->character > character)
        step_back(cursor, source);
    return place_of(cursor, source);
}

struct base_place topology_cursor_to_byte(struct topology_cursor *cursor, const struct base_source *source, size_t byte)
{
    while (cursor->byte < byte && cursor->byte < source->length)
        step_forward(cursor, source);
    while (cursor->byte > byte)
        step_back(cursor, source);
    return place_of(cursor, source);
}

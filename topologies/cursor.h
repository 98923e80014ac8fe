/* A place in a source that is asked for in nearly ascending order, so that walking there from the last one is cheap.
 *
 * libyaml counts characters and breaks lines at more than '\n'; places count bytes, and '\n' only. */
#ifndef TOPOLOGIES_CURSOR_H
#define TOPOLOGIES_CURSOR_H

#include "reactor/base/diagnostic.h"

struct topology_cursor {
    size_t character, byte, line_start;
    uint32_t line; /* from 1 */
};

/* Both stop at the end of the source. */
struct base_place topology_cursor_to_character(struct topology_cursor *cursor, const struct base_source *source,
                                               size_t character);
struct base_place topology_cursor_to_byte(struct topology_cursor *cursor, const struct base_source *source,
                                          size_t byte);

#endif

/* Edge lists:
 *
 *   # Directed graph: p2p-Gnutella08.txt        a comment; % too
 *   0<TAB>1                                     an edge between the nodes called 0 and 1
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "reactor/base/lines.h"
#include "sim/graphs/files.h"

#define ID_BYTES_MAX 255

/* The ids seen so far: open addressing; an id is a piece of the file's text. */
struct id {
    const char *text;
    uint32_t length, number; /* number + 1: 0 is a free slot */
};

struct reader {
    struct base_lines lines;
    struct base_diagnostics *diagnostics;
    struct id *ids;
    uint64_t mask;
    struct graph_input *input;
};

static int refuse(struct reader *reader, const char *at, const char *what)
{
    base_diagnose(reader->diagnostics, BASE_ERROR, base_lines_place(&reader->lines, at), NULL, "%s", what);
    return -EINVAL;
}

static struct id *find(const struct reader *reader, const char *text, uint32_t length)
{
    uint64_t at = XXH3_64bits(text, length) & reader->mask;
    while (reader->ids[at].number &&
           (reader->ids[at].length != length || memcmp(reader->ids[at].text, text, length) != 0))
        at = (at + 1) & reader->mask;
    return &reader->ids[at];
}

static int double_ids(struct reader *reader)
{
    struct reader larger = *reader;
    larger.mask = reader->mask * 2 + 1;
    larger.ids = calloc(larger.mask + 1, sizeof *larger.ids);
    if (!larger.ids)
        return -ENOMEM;
    for (uint64_t i = 0; reader->ids && i <= reader->mask; i++)
        if (reader->ids[i].number)
            *find(&larger, reader->ids[i].text, reader->ids[i].length) = reader->ids[i];
    free(reader->ids);
    reader->ids = larger.ids;
    reader->mask = larger.mask;
    return 0;
}

/* One id of the line, as its node's number. */
static int read_id(struct reader *reader, uint32_t *number)
{
    struct base_lines *lines = &reader->lines;
    base_lines_skip_blanks(lines);
    const char *text = lines->at;
    if (base_lines_at_end(lines))
        return refuse(reader, text, "an edge needs two ids");
    for (; !base_lines_at_end(lines) && !base_is_blank(*lines->at); lines->at++)
        if ((unsigned char) *lines->at < ' ' || *lines->at == 0x7f)
            return refuse(reader, lines->at, "a control character in an id");
    if (lines->at - text > ID_BYTES_MAX)
        return refuse(reader, text, "an id of more than 255 bytes");
    if (reader->input->node_count >= reader->mask / 4 * 3 && double_ids(reader) < 0)
        return -ENOMEM;
    struct id *id = find(reader, text, (uint32_t) (lines->at - text));
    if (!id->number)
        *id = (struct id){text, (uint32_t) (lines->at - text), ++reader->input->node_count};
    *number = id->number - 1;
    return 0;
}

static int read_line(struct reader *reader)
{
    struct base_lines *lines = &reader->lines;
    uint32_t a, b;
    base_lines_skip_blanks(lines);
    if (base_lines_at_end(lines) || *lines->at == '#' || *lines->at == '%')
        return 0;
    int error = read_id(reader, &a);
    error = error ? error : read_id(reader, &b);
    if (!error)
        graph_edges_add(&reader->input->edges, a, b);
    return error ? error : reader->input->edges.error;
}

int graph_read_edge_list(const struct base_source *source, struct graph_input *input,
                         struct base_diagnostics *diagnostics)
{
    struct reader reader = {.lines = base_lines_start(source), .diagnostics = diagnostics, .mask = 511, .input = input};
    int error = double_ids(&reader);
    while (!error && base_lines_next(&reader.lines))
        error = read_line(&reader);
    free(reader.ids);
    return error;
}

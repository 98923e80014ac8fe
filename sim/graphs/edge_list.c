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

#include "sim/graphs/files.h"

#define ID_BYTES_MAX 255

/* The ids seen so far: open addressing; an id is a piece of the file's text. */
struct id {
    const char *text;
    uint32_t length, number; /* number + 1: 0 is a free slot */
};

struct reader {
    const struct base_source *source;
    struct base_diagnostics *diagnostics;
    const char *at, *end, *line_start;
    uint32_t line;
    struct id *ids;
    uint64_t mask;
    struct graph_input *input;
};

static int refuse(struct reader *reader, const char *at, const char *what)
{
    struct base_place place = {reader->source, reader->line, (uint32_t) (at - reader->line_start) + 1};
    base_diagnose(reader->diagnostics, BASE_ERROR, place, NULL, "%s", what);
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

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
}

static bool at_line_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n';
}

/* One id of the line, as its node's number. */
static int read_id(struct reader *reader, uint32_t *number)
{
    skip_blanks(reader);
    const char *text = reader->at;
    if (at_line_end(reader))
        return refuse(reader, text, "an edge needs two ids");
    for (; !at_line_end(reader) && !is_blank(*reader->at); reader->at++)
        if ((unsigned char) *reader->at < ' ' || *reader->at == 0x7f)
            return refuse(reader, reader->at, "a control character in an id");
    if (reader->at - text > ID_BYTES_MAX)
        return refuse(reader, text, "an id of more than 255 bytes");
    if (reader->input->node_count >= reader->mask / 4 * 3 && double_ids(reader) < 0)
        return -ENOMEM;
    struct id *id = find(reader, text, (uint32_t) (reader->at - text));
    if (!id->number)
        *id = (struct id){text, (uint32_t) (reader->at - text), ++reader->input->node_count};
    *number = id->number - 1;
    return 0;
}

static int read_line(struct reader *reader)
{
    uint32_t a, b;
    skip_blanks(reader);
    if (at_line_end(reader) || *reader->at == '#' || *reader->at == '%')
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
    struct reader reader = {.source = source, .diagnostics = diagnostics, .at = source->text,
                            .end = source->text + source->length, .mask = 511, .input = input};
    if (source->length >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0)
        reader.at += 3;
    int error = double_ids(&reader);
    while (!error && reader.at < reader.end) {
        reader.line++;
        reader.line_start = reader.at;
        error = read_line(&reader);
        const char *newline = memchr(reader.at, '\n', (size_t) (reader.end - reader.at));
        reader.at = newline ? newline + 1 : reader.end;
    }
    free(reader.ids);
    return error;
}

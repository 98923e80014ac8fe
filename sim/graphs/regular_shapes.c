/* Graphs without chance: ring, line, star, full, grid, torus, tree. */
#include <stddef.h>

#include "sim/graphs/graph.h"

/* --- ring, line, star, full --- */

static void add_line(struct graph_edges *edges, uint32_t first, uint32_t stride, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        graph_edges_add(edges, first + (i - 1) * stride, first + i * stride);
}

/* Two are joined once, and one by nothing. */
static void add_ring(struct graph_edges *edges, uint32_t first, uint32_t stride, uint32_t count)
{
    add_line(edges, first, stride, count);
    if (count > 2)
        graph_edges_add(edges, first + (count - 1) * stride, first);
}

static int make_ring(const struct graph_request *request, struct graph_edges *edges)
{
    add_ring(edges, 0, 1, request->node_count);
    return 0;
}

static int make_line(const struct graph_request *request, struct graph_edges *edges)
{
    add_line(edges, 0, 1, request->node_count);
    return 0;
}

static int make_star(const struct graph_request *request, struct graph_edges *edges)
{
    for (uint32_t i = 1; i < request->node_count; i++)
        graph_edges_add(edges, 0, i);
    return 0;
}

static int make_full(const struct graph_request *request, struct graph_edges *edges)
{
    (void) request;
    edges->full = true;
    return 0;
}

#define PLAIN_KIND(which, sentence) \
    static const struct graph_ops which##_ops = {.make = make_##which}; \
    const struct topology_kind graph_##which = { \
        .name = #which, .summary = sentence, .source = "", .ops = &which##_ops}

PLAIN_KIND(ring, "each peer knows the one before and the one after, around");
PLAIN_KIND(line, "each peer knows the one before and the one after");
PLAIN_KIND(star, "peer 0 knows all, the others know peer 0");
PLAIN_KIND(full, "everyone knows everyone");

/* --- grid, torus --- */

struct grid_parameters {
    uint64_t columns; /* 0: not given */
};

/* As near to a square as goes: the next number from the square root up that divides the peers, while a row is no longer
 * than two columns; else the root rounded up, with a last row that is shorter. */
static uint32_t choose_columns(uint32_t node_count)
{
    uint64_t root = 1;
    while (root * root < node_count)
        root++;
    for (uint64_t columns = root; columns * columns <= 2 * (uint64_t) node_count; columns++)
        if (node_count % columns == 0)
            return (uint32_t) columns;
    return (uint32_t) root;
}

/* Rows and columns of what there is, each joined by `add`. */
static int add_grid(const struct graph_request *request, struct graph_edges *edges,
                    void (*add)(struct graph_edges *edges, uint32_t first, uint32_t stride, uint32_t count))
{
    const struct grid_parameters *parameters = request->choice->parameters;
    uint32_t count = request->node_count, columns = (uint32_t) parameters->columns;
    if (!columns)
        columns = choose_columns(count);
    for (uint32_t first = 0; first < count; first += columns) {
        add(edges, first, 1, count - first < columns ? count - first : columns);
        if (count - first <= columns)
            break;
    }
    for (uint32_t column = 0; column < columns && column < count; column++)
        add(edges, column, columns, (count - column - 1) / columns + 1);
    return 0;
}

static int make_grid(const struct graph_request *request, struct graph_edges *edges)
{
    return add_grid(request, edges, add_line);
}

static int make_torus(const struct graph_request *request, struct graph_edges *edges)
{
    return add_grid(request, edges, add_ring);
}

static const struct topology_parameter grid_parameters[] = {
    {.key = "columns", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct grid_parameters, columns), .optional = true,
     .minimum = "1", .maximum = "2147483647",
     .about = "How many peers are in a row, the last of which may be shorter; as near to a square as goes unless given."},
};

#define GRID_KIND(which, sentence) \
    static const struct graph_ops which##_ops = {.make = make_##which}; \
    const struct topology_kind graph_##which = { \
        .name = #which, .summary = sentence, .source = "", .parameters = grid_parameters, .parameter_count = 1, \
        .parameters_bytes = sizeof(struct grid_parameters), .bare = "columns", .ops = &which##_ops}

GRID_KIND(grid, "rows and columns: each peer knows those left, right, above and below");
GRID_KIND(torus, "a grid whose rows and columns are closed to rings");

/* --- tree --- */

struct tree_parameters {
    uint64_t arity;
};

static int make_tree(const struct graph_request *request, struct graph_edges *edges)
{
    const struct tree_parameters *parameters = request->choice->parameters;
    for (uint32_t i = 1; i < request->node_count; i++)
        graph_edges_add(edges, (uint32_t) ((i - 1) / parameters->arity), i);
    return 0;
}

static const struct graph_ops tree_ops = {.make = make_tree};
static const struct topology_parameter tree_parameters[] = {
    {.key = "arity", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct tree_parameters, arity), .default_text = "2",
     .minimum = "1", .maximum = "2147483647", .about = "How many children a peer has."},
};
const struct topology_kind graph_tree = {
    .name = "tree", .summary = "peer 0 is the root; each peer knows its parent and its children", .source = "",
    .parameters = tree_parameters, .parameter_count = 1, .parameters_bytes = sizeof(struct tree_parameters),
    .bare = "arity", .ops = &tree_ops,
};

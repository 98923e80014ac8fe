/* Writing GraphML, by igraph. */
#include <errno.h>
#include <stdio.h>

#include "sim/graphs/igraph_session.h"
#include "sim/graphs/measure.h"

#define FULL_WRITTEN_MAX 4096u

static igraph_error_t name_nodes(igraph_t *copy, const char *const *names)
{
    igraph_strvector_t texts;
    IGRAPH_CHECK(igraph_strvector_init(&texts, igraph_vcount(copy)));
    IGRAPH_FINALLY(igraph_strvector_destroy, &texts);
    for (igraph_integer_t i = 0; i < igraph_vcount(copy); i++)
        IGRAPH_CHECK(igraph_strvector_set(&texts, i, names[i]));
    IGRAPH_CHECK(igraph_cattribute_VAS_setv(copy, "name", &texts));
    igraph_strvector_destroy(&texts);
    IGRAPH_FINALLY_CLEAN(1);
    return IGRAPH_SUCCESS;
}

static igraph_error_t write_copy(const struct graph *graph, const char *const *names, FILE *file)
{
    igraph_t copy;
    IGRAPH_CHECK(graph_igraph_from(graph, &copy));
    IGRAPH_FINALLY(igraph_destroy, &copy);
    IGRAPH_CHECK(name_nodes(&copy, names));
    IGRAPH_CHECK(igraph_write_graph_graphml(&copy, file, false));
    igraph_destroy(&copy);
    IGRAPH_FINALLY_CLEAN(1);
    return IGRAPH_SUCCESS;
}

int graph_write_graphml(const struct graph *graph, const char *const *names, const char *path)
{
    if (graph->full && graph->node_count > FULL_WRITTEN_MAX)
        return -E2BIG;
    FILE *file = fopen(path, "we");
    if (!file)
        return -errno;
    struct graph_igraph_session session;
    graph_igraph_begin(&session);
    igraph_attribute_table_t *before = igraph_set_attribute_table(&igraph_cattribute_table);
    int error = graph_igraph_error(write_copy(graph, names, file));
    igraph_set_attribute_table(before);
    graph_igraph_end(&session);
    errno = 0;
    if (fclose(file) != 0 && (!error || error == -EIO))
        error = errno ? -errno : -EIO;
    return error;
}

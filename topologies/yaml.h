/* YAML text to the located tree and back, by libyaml's events. */
#ifndef TOPOLOGIES_YAML_H
#define TOPOLOGIES_YAML_H

#include "topologies/tree.h"

/* Parses source->text from byte `from` on as one document. 0 with *root, or -EINVAL where there is no tree to go on
 * with; mistakes that leave a tree (duplicate keys, foreign tags) are diagnosed and the parsing goes on. The source is
 * borrowed by every place in the tree. */
int topology_yaml_parse(struct base_arena *arena, const struct base_source *source, size_t from,
                        struct base_diagnostics *diagnostics, struct topology_node **root)
    __attribute__((warn_unused_result));

enum topology_yaml_style {
    TOPOLOGY_YAML_BLOCK, /* one key a line; nodes marked `flow` on one */
    TOPOLOGY_YAML_JSON,  /* one line; quoted scalars are strings, the others stand as they are */
};

/* The tree as text in the arena; aliases come out expanded. */
const char *topology_yaml_emit(struct base_arena *arena, struct topology_node *root, enum topology_yaml_style style);

#endif

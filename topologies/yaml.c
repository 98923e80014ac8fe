#include "topologies/yaml.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "topologies/cursor.h"

struct frame {
    struct topology_node *node;
    size_t first_child;
};

struct anchor {
    const char *name;
    struct topology_node *node;
};

struct parse {
    struct base_arena *arena;
    const struct base_source *source;
    struct base_diagnostics *diagnostics;
    struct topology_cursor cursor;
    yaml_parser_t parser;
    struct frame frames[TOPOLOGY_DEPTH_MAX];
    uint32_t depth;
    struct topology_node *children; /* a sequence used as a stack: children of all open containers */
    void *anchors;                  /* tsearch tree of struct anchor */
    uint32_t nodes;                 /* so far, aliases expanded */
    uint64_t bytes;
    struct topology_node *root;
};

static struct base_place place_of_mark(struct parse *parse, const yaml_mark_t *mark, size_t first_character)
{
    return topology_cursor_to_character(&parse->cursor, parse->source, first_character + mark->index);
}

static int compare_anchors(const void *a, const void *b)
{
    return strcmp(((const struct anchor *) a)->name, ((const struct anchor *) b)->name);
}

static void keep_anchor(void *anchor)
{
    (void) anchor; /* in the arena */
}

static void define_anchor(struct parse *parse, const yaml_char_t *name, struct topology_node *node)
{
    if (!name)
        return;
    struct anchor *anchor = base_arena_take(parse->arena, sizeof *anchor);
    anchor->name = base_arena_copy_text(parse->arena, (const char *) name, strlen((const char *) name));
    anchor->node = node;
    struct anchor **slot = tsearch(anchor, &parse->anchors, compare_anchors);
    if (slot)
        (*slot)->node = node; /* defined again: the later one counts from here on */
}

static int count_nodes(struct parse *parse, struct base_place place, uint32_t nodes, uint64_t bytes)
{
    parse->nodes += nodes;
    parse->bytes += bytes;
    if (parse->nodes > TOPOLOGY_NODES_MAX) {
        base_diagnose(parse->diagnostics, BASE_ERROR, place, "aliases are counted as often as they are used",
                      "more than %u nodes", TOPOLOGY_NODES_MAX);
        return -EINVAL;
    }
    if (parse->bytes > TOPOLOGY_EXPANDED_BYTES_MAX) {
        base_diagnose(parse->diagnostics, BASE_ERROR, place, "aliases are counted as often as they are used",
                      "more than %u MiB of text", TOPOLOGY_EXPANDED_BYTES_MAX >> 20);
        return -EINVAL;
    }
    return 0;
}

static int check_depth(struct parse *parse, struct base_place place, uint32_t height)
{
    if (parse->depth + height <= TOPOLOGY_DEPTH_MAX)
        return 0;
    base_diagnose(parse->diagnostics, BASE_ERROR, place, NULL, "nested deeper than %d levels", TOPOLOGY_DEPTH_MAX);
    return -EINVAL;
}

static void add_child(struct parse *parse, struct topology_node *node)
{
    if (parse->depth == 0)
        parse->root = node;
    else
        topology_tree_append(parse->arena, parse->children, node);
}

/* Core tags say what the node is anyway, but for !!str; any other would be silently without effect. */
static bool check_tag(struct parse *parse, struct topology_node *node, const yaml_char_t *tag)
{
    static const char *const scalar_tags[] = {"!", YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG,
                                              YAML_NULL_TAG};
    if (!tag)
        return false;
    const char *text = (const char *) tag;
    if (node->kind == TOPOLOGY_SEQUENCE && (strcmp(text, YAML_SEQ_TAG) == 0 || strcmp(text, "!") == 0))
        return false;
    if (node->kind == TOPOLOGY_MAPPING && (strcmp(text, YAML_MAP_TAG) == 0 || strcmp(text, "!") == 0))
        return false;
    for (size_t i = 0; node->kind == TOPOLOGY_SCALAR && i < sizeof scalar_tags / sizeof *scalar_tags; i++)
        if (strcmp(text, scalar_tags[i]) == 0)
            return i < 2;
    base_diagnose(parse->diagnostics, BASE_ERROR, node->place, "a value's kind follows from its key",
                  "tag \"%.100s\" means nothing here", text);
    return false;
}

static int on_scalar(struct parse *parse, const yaml_event_t *event, struct base_place place)
{
    struct topology_node *node = topology_tree_scalar(parse->arena, "", false);
    node->text = base_arena_copy_text(parse->arena, (const char *) event->data.scalar.value, event->data.scalar.length);
    node->length = event->data.scalar.length;
    node->place = place;
    node->weight = 1;
    node->bytes = node->length;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (check_tag(parse, node, event->data.scalar.tag))
        node->quoted = true;
    if (strlen(node->text) != node->length) {
        base_diagnose(parse->diagnostics, BASE_ERROR, place, NULL, "a NUL character in a text");
        node->length = strlen(node->text);
    }
    define_anchor(parse, event->data.scalar.anchor, node);
    add_child(parse, node);
    return count_nodes(parse, place, 1, node->bytes);
}

static int on_start(struct parse *parse, struct base_place place, enum topology_node_kind kind,
                    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    int result = check_depth(parse, place, 1);
    if (result < 0)
        return result;
    struct topology_node *node = topology_tree_sequence(parse->arena);
    node->kind = kind;
    node->place = place;
    check_tag(parse, node, tag);
    define_anchor(parse, anchor, node);
    add_child(parse, node);
    parse->frames[parse->depth++] = (struct frame) {node, parse->children->count};
    return count_nodes(parse, place, 1, 0);
}

struct ordered_key {
    const struct topology_node *key;
    uint32_t item; /* its index in the mapping's items */
};

static int compare_keys(const void *a, const void *b)
{
    const struct ordered_key *left = a, *right = b;
    int order = strcmp(left->key->text, right->key->text);
    return order ? order : (left->item > right->item) - (left->item < right->item);
}

static void tell_duplicate(struct parse *parse, const struct topology_node *key, const struct topology_node *first)
{
    char word[TOPOLOGY_WORD_BYTES], hint[64];
    snprintf(hint, sizeof hint, "it was given at line %u, column %u", first->place.line, first->place.column);
    base_diagnose(parse->diagnostics, BASE_ERROR, key->place, hint, "duplicate key %s", topology_tree_word(key, word));
}

/* Tells each key that was given before, and leaves the first of them. */
static void drop_duplicates(struct parse *parse, struct topology_node *mapping)
{
    uint32_t count = mapping->count / 2, kept = 0;
    if (count < 2)
        return;
    struct ordered_key *keys = base_arena_array(parse->arena, struct ordered_key, count);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (struct ordered_key) {mapping->items[2 * i], 2 * i};
    qsort(keys, count, sizeof *keys, compare_keys);
    for (uint32_t i = 1, first = 0; i < count; i++) {
        if (strcmp(keys[first].key->text, keys[i].key->text) != 0) {
            first = i;
            continue;
        }
        tell_duplicate(parse, keys[i].key, keys[first].key);
        mapping->items[keys[i].item] = NULL;
    }
    for (uint32_t i = 0; i < mapping->count; i += 2) {
        if (!mapping->items[i])
            continue;
        mapping->items[kept++] = mapping->items[i];
        mapping->items[kept++] = mapping->items[i + 1];
    }
    mapping->count = kept;
}

/* Moves the container's children from the stack into it; a mapping keeps the pairs whose key is a scalar. */
static void adopt_children(struct parse *parse, struct topology_node *node, size_t first)
{
    struct topology_node **children = parse->children->items + first;
    uint32_t count = parse->children->count - (uint32_t) first;
    node->items = base_arena_array(parse->arena, struct topology_node *, count);
    node->capacity = count;
    for (uint32_t i = 0; i < count; i++) {
        bool is_key = node->kind == TOPOLOGY_MAPPING && i % 2 == 0;
        if (is_key && children[i]->kind != TOPOLOGY_SCALAR) {
            base_diagnose(parse->diagnostics, BASE_ERROR, children[i]->place, NULL, "a key must be a name, not a %s",
                          children[i]->kind == TOPOLOGY_SEQUENCE ? "list" : "mapping");
            i++; /* and its value */
            continue;
        }
        node->items[node->count++] = children[i];
    }
    parse->children->count = (uint32_t) first;
}

static void on_end(struct parse *parse)
{
    struct frame frame = parse->frames[--parse->depth];
    struct topology_node *node = frame.node;
    adopt_children(parse, node, frame.first_child);
    node->weight = 1;
    for (uint32_t i = 0; i < node->count; i++) {
        node->weight += node->items[i]->weight;
        node->bytes += node->items[i]->bytes;
        if (node->items[i]->height > node->height)
            node->height = node->items[i]->height;
    }
    node->height++;
    if (node->kind == TOPOLOGY_MAPPING)
        drop_duplicates(parse, node);
}

static int on_alias(struct parse *parse, const yaml_event_t *event, struct base_place place)
{
    const char *name = (const char *) event->data.alias.anchor;
    const struct anchor wanted = {.name = name};
    struct anchor *const *found = tfind(&wanted, &parse->anchors, compare_anchors);
    if (!found) {
        base_diagnose(parse->diagnostics, BASE_ERROR, place, NULL, "no anchor \"&%.100s\" before this alias", name);
        return -EINVAL;
    }
    struct topology_node *node = (*found)->node;
    if (node->weight == 0) {
        base_diagnose(parse->diagnostics, BASE_ERROR, place, NULL, "alias \"*%.100s\" stands inside what it names",
                      name);
        return -EINVAL;
    }
    int result = check_depth(parse, place, node->height);
    if (result < 0)
        return result;
    add_child(parse, node);
    return count_nodes(parse, place, node->weight, node->bytes);
}

static int on_event(struct parse *parse, const yaml_event_t *event, struct base_place place)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (!parse->root)
            return 0;
        base_diagnose(parse->diagnostics, BASE_ERROR, place, "a scenario is one document", "a second document");
        return -EINVAL;
    case YAML_SCALAR_EVENT:
        return on_scalar(parse, event, place);
    case YAML_ALIAS_EVENT:
        return on_alias(parse, event, place);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(parse, place, TOPOLOGY_SEQUENCE, event->data.sequence_start.anchor,
                        event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_start(parse, place, TOPOLOGY_MAPPING, event->data.mapping_start.anchor,
                        event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_end(parse);
        return 0;
    default:
        return 0;
    }
}

/* What libyaml refuses: its own words, at its own place. */
static void refuse(struct parse *parse, size_t from, size_t first_character)
{
    const yaml_parser_t *parser = &parse->parser;
    const char *problem = parser->problem ? parser->problem : "out of memory";
    if (parser->error == YAML_READER_ERROR) {
        struct base_place place =
            topology_cursor_to_byte(&parse->cursor, parse->source, from + parser->problem_offset);
        base_diagnose(parse->diagnostics, BASE_ERROR, place, "a scenario is UTF-8 text", "not YAML: %s", problem);
        return;
    }
    char hint[160] = "";
    if (parser->context) {
        struct base_place context = place_of_mark(parse, &parser->context_mark, first_character);
        snprintf(hint, sizeof hint, "%s that began at line %u, column %u", parser->context, context.line,
                 context.column);
    }
    base_diagnose(parse->diagnostics, BASE_ERROR, place_of_mark(parse, &parser->problem_mark, first_character), hint,
                  "not YAML: %s", problem);
}

static int parse_events(struct parse *parse, size_t from, size_t first_character)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parse->parser, &event)) {
            refuse(parse, from, first_character);
            return -EINVAL;
        }
        yaml_event_type_t type = event.type;
        int result = on_event(parse, &event, place_of_mark(parse, &event.start_mark, first_character));
        yaml_event_delete(&event);
        if (result < 0 || type == YAML_STREAM_END_EVENT)
            return result;
    }
}

int topology_yaml_parse(struct base_arena *arena, const struct base_source *source, size_t from,
                        struct base_diagnostics *diagnostics, struct topology_node **root)
{
    struct parse parse = {.arena = arena, .source = source, .diagnostics = diagnostics, .cursor = {.line = 1}};
    if (!yaml_parser_initialize(&parse.parser)) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {source, 0, 0}, NULL, "out of memory");
        return -ENOMEM;
    }
    parse.children = topology_tree_sequence(arena);
    yaml_parser_set_encoding(&parse.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parse.parser, (const unsigned char *) source->text + from, source->length - from);
    topology_cursor_to_byte(&parse.cursor, source, from);
    int result = parse_events(&parse, from, parse.cursor.character);
    tdestroy(parse.anchors, keep_anchor);
    yaml_parser_delete(&parse.parser);
    if (result < 0)
        return result;
    if (!parse.root) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {source, 0, 0}, NULL, "there is nothing in it");
        return -EINVAL;
    }
    *root = parse.root;
    return 0;
}

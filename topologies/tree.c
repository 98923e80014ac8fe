#include "topologies/tree.h"

#include <stdio.h>
#include <string.h>

static struct topology_node *new_node(struct base_arena *arena, enum topology_node_kind kind)
{
    struct topology_node *node = base_arena_take(arena, sizeof *node);
    node->kind = kind;
    return node;
}

struct topology_node *topology_tree_scalar(struct base_arena *arena, const char *text, bool quoted)
{
    struct topology_node *node = new_node(arena, TOPOLOGY_SCALAR);
    node->text = text;
    node->length = strlen(text);
    node->quoted = quoted;
    return node;
}

struct topology_node *topology_tree_sequence(struct base_arena *arena)
{
    return new_node(arena, TOPOLOGY_SEQUENCE);
}

struct topology_node *topology_tree_mapping(struct base_arena *arena)
{
    return new_node(arena, TOPOLOGY_MAPPING);
}

void topology_tree_append(struct base_arena *arena, struct topology_node *sequence, struct topology_node *item)
{
    if (sequence->count == sequence->capacity) {
        uint32_t capacity = sequence->count ? 2 * sequence->count : 4;
        struct topology_node **items = base_arena_array(arena, struct topology_node *, capacity);
        if (sequence->count)
            memcpy(items, sequence->items, sequence->count * sizeof *items);
        sequence->items = items;
        sequence->capacity = capacity;
    }
    sequence->items[sequence->count++] = item;
}

void topology_tree_put(struct base_arena *arena, struct topology_node *mapping, const char *key,
                       struct topology_node *value)
{
    topology_tree_append(arena, mapping, topology_tree_scalar(arena, key, false));
    topology_tree_append(arena, mapping, value);
}

int64_t topology_tree_find(const struct topology_node *mapping, const char *key, size_t length)
{
    if (mapping->kind != TOPOLOGY_MAPPING)
        return -1;
    for (uint32_t i = 0; i + 1 < mapping->count; i += 2) {
        const struct topology_node *name = mapping->items[i];
        if (name->length == length && memcmp(name->text, key, length) == 0)
            return i + 1;
    }
    return -1;
}

bool topology_tree_is_null(const struct topology_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != TOPOLOGY_SCALAR || node->quoted)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (strcmp(node->text, nulls[i]) == 0)
            return true;
    return false;
}

const char *topology_tree_word(const struct topology_node *node, char word[TOPOLOGY_WORD_BYTES])
{
    enum { LONGEST = 40 };
    if (node->kind == TOPOLOGY_SEQUENCE)
        return "a list";
    if (node->kind == TOPOLOGY_MAPPING)
        return "a mapping";
    if (topology_tree_is_null(node))
        return "nothing";
    size_t length = node->length;
    if (length > LONGEST) {
        length = LONGEST;
        while (length > 0 && (node->text[length] & 0xc0) == 0x80)
            length--; /* never through a character */
    }
    snprintf(word, TOPOLOGY_WORD_BYTES, "\"%.*s%s\"", (int) length, node->text, length < node->length ? "..." : "");
    for (char *c = word; *c; c++)
        if ((unsigned char) *c < ' ' || *c == 0x7f)
            *c = ' ';
    return word;
}

/* --set KEY=VALUE: a dotted path into the tree, and YAML for what stands there from now on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "topologies/loader.h"
#include "topologies/yaml.h"

struct step {
    const char *text;
    size_t length;
};

struct set {
    struct topology_loader *loader;
    const struct base_source *source;
    struct step steps[TOPOLOGY_DEPTH_MAX];
    uint32_t step_count;
    struct topology_node *value;
};

static struct base_place place_of(const struct set *set, const struct step *step)
{
    return (struct base_place) {set->source, 1, (uint32_t) (step->text - set->source->text) + 1};
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static int split(struct set *set, const char *equals)
{
    const char *text = set->source->text;
    for (;;) {
        const char *end = memchr(text, '.', (size_t) (equals - text));
        struct step step = {text, (size_t) ((end ? end : equals) - text)};
        if (step.length == 0 || set->step_count == TOPOLOGY_DEPTH_MAX) {
            topology_error(set->loader, place_of(set, &step), "--set overlay.k=8",
                           step.length ? "the key has too many parts" : "a part of the key is empty");
            return -EINVAL;
        }
        set->steps[set->step_count++] = step;
        if (!end)
            return 0;
        text = end + 1;
    }
}

/* An aliased node is shared: the containers on the way are copied, so that only this use of it changes. */
static struct topology_node *copy(struct base_arena *arena, const struct topology_node *node)
{
    struct topology_node *result = base_arena_take(arena, sizeof *result);
    *result = *node;
    result->capacity = node->count + 2;
    result->items = base_arena_array(arena, struct topology_node *, result->capacity);
    if (node->count)
        memcpy(result->items, node->items, node->count * sizeof *result->items);
    return result;
}

/* The number that the text is, at most nine digits; false when it is none. */
static bool is_index(const char *text, size_t length, uint32_t *index)
{
    *index = 0;
    for (size_t i = 0; i < length && length < 10; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *index = 10 * *index + (uint32_t) (text[i] - '0');
    }
    return length > 0 && length < 10;
}

/* An element's `name`, its own or (a workload's) that of the mapping under its one key; NULL: it has none. */
static const struct topology_node *own_name(const struct topology_node *node)
{
    int64_t at = topology_tree_find(node, "name", 4);
    if (at < 0 && node->kind == TOPOLOGY_MAPPING && node->count == 2) {
        node = node->items[1];
        at = topology_tree_find(node, "name", 4);
    }
    return at < 0 ? NULL : node->items[at];
}

static bool has_name(const struct topology_node *node, const struct step *step)
{
    const struct topology_node *name = own_name(node);
    return name && name->kind == TOPOLOGY_SCALAR && name->length == step->length &&
           memcmp(name->text, step->text, step->length) == 0;
}

/* The kinds whose names begin the default names of the list's elements; NULL: the elements have no such names. */
static const struct topology_registry *kinds_of(const struct set *set, uint32_t level)
{
    const struct step *section = &set->steps[0];
    if (level == 1 && is_word(section->text, section->length, "faults"))
        return set->loader->vocabulary->faults;
    if (level == 1 && is_word(section->text, section->length, "workload"))
        return set->loader->vocabulary->workloads;
    return NULL;
}

static bool is_kind(const struct topology_registry *registry, const char *name, size_t length)
{
    for (uint32_t i = 0; registry && i < registry->kind_count; i++)
        if (is_word(name, length, registry->kinds[i]->name))
            return true;
    return false;
}

/* The element that events.c calls so for want of a name: "crash-1" is the second crash, "churn-1" the second entry. */
static int64_t find_default_name(const struct set *set, uint32_t level, const struct topology_node *list)
{
    const struct step *step = &set->steps[level];
    const char *dash = memrchr(step->text, '-', step->length);
    size_t length = dash ? (size_t) (dash - step->text) : 0;
    uint32_t ordinal;
    if (!dash || !is_index(dash + 1, step->length - length - 1, &ordinal))
        return -1;
    bool churn = level == 1 && is_word(step->text, length, "churn") &&
                 is_word(set->steps[0].text, set->steps[0].length, "churn");
    if (!churn && !is_kind(kinds_of(set, level), step->text, length))
        return -1;
    for (uint32_t i = 0; i < list->count; i++)
        if ((churn || topology_tree_find(list->items[i], step->text, length) >= 0) && ordinal-- == 0)
            return own_name(list->items[i]) ? -1 : (int64_t) i;
    return -1;
}

/* Where in the list the step leads: an index (the next free one appends) or an element's name; -1 if nowhere. */
static int64_t find_element(const struct set *set, uint32_t level, const struct topology_node *list)
{
    const struct step *step = &set->steps[level];
    uint32_t index;
    if (is_index(step->text, step->length, &index))
        return index <= list->count ? (int64_t) index : -1;
    for (uint32_t i = 0; i < list->count; i++)
        if (has_name(list->items[i], step))
            return i;
    return find_default_name(set, level, list);
}

static struct topology_node *new_key(const struct set *set, const struct step *step)
{
    struct base_arena *arena = set->loader->arena;
    struct topology_node *key =
        topology_tree_scalar(arena, base_arena_copy_text(arena, step->text, step->length), false);
    key->place = place_of(set, step);
    return key;
}

static int set_in(const struct set *set, uint32_t level, struct topology_node **slot);

static int set_in_list(const struct set *set, uint32_t level, struct topology_node *list)
{
    const struct step *step = &set->steps[level];
    int64_t index = find_element(set, level, list);
    if (index < 0) {
        topology_error(set->loader, place_of(set, step), "an index from 0, or an element's name",
                       "no element \"%.*s\" in this list of %u", (int) (step->length < 60 ? step->length : 60),
                       step->text, list->count);
        return -EINVAL;
    }
    if (index == list->count)
        topology_tree_append(set->loader->arena, list, NULL);
    return set_in(set, level + 1, &list->items[index]);
}

static int set_in_mapping(const struct set *set, uint32_t level, struct topology_node *mapping)
{
    const struct step *step = &set->steps[level];
    int64_t at = topology_tree_find(mapping, step->text, step->length);
    struct topology_node *key = new_key(set, step);
    if (at < 0) {
        topology_tree_append(set->loader->arena, mapping, key);
        topology_tree_append(set->loader->arena, mapping, NULL);
        at = mapping->count - 1;
    } else if (level + 1 == set->step_count) {
        mapping->items[at - 1] = key; /* the mistake, if it is one, is the argument's now */
    }
    return set_in(set, level + 1, &mapping->items[at]);
}

/* Puts the value where the steps from `level` on lead, from *slot (NULL: nothing there yet). */
static int set_in(const struct set *set, uint32_t level, struct topology_node **slot)
{
    if (level == set->step_count) {
        *slot = set->value;
        return 0;
    }
    const struct step *step = &set->steps[level];
    uint32_t index;
    if (!*slot || topology_tree_is_null(*slot)) {
        *slot = is_index(step->text, step->length, &index) ? topology_tree_sequence(set->loader->arena)
                                                           : topology_tree_mapping(set->loader->arena);
        (*slot)->place = place_of(set, step);
    }
    if ((*slot)->kind == TOPOLOGY_SCALAR) {
        topology_error(set->loader, place_of(set, step), NULL, "there is a single value, which has no \"%.*s\"",
                       (int) (step->length < 60 ? step->length : 60), step->text);
        return -EINVAL;
    }
    *slot = copy(set->loader->arena, *slot);
    return (*slot)->kind == TOPOLOGY_SEQUENCE ? set_in_list(set, level, *slot) : set_in_mapping(set, level, *slot);
}

int topology_apply_set(struct topology_loader *loader, const char *text, const char *name,
                       struct topology_node **root)
{
    struct base_source *source = base_arena_take(loader->arena, sizeof *source);
    struct set set = {.loader = loader, .source = source};
    source->length = strlen(text);
    source->text = base_arena_copy_text(loader->arena, text, source->length);
    source->name = name ? base_arena_copy_text(loader->arena, name, strlen(name))
                        : base_arena_printf(loader->arena, "--set %s", text);
    const char *equals = strchr(source->text, '=');
    if (!equals) {
        topology_error(loader, ((struct base_place) {source, 1, 1}), "--set overlay.k=8", "KEY=VALUE is needed");
        return -EINVAL;
    }
    if (split(&set, equals) < 0)
        return -EINVAL;
    if (equals[1 + strspn(equals + 1, " \t\n")] == '\0') {
        topology_error(loader, ((struct base_place) {source, 1, (uint32_t) (equals - source->text) + 1}), NULL,
                       "there is no value after the =");
        return -EINVAL;
    }
    if (topology_yaml_parse(loader->arena, source, (size_t) (equals + 1 - source->text), loader->diagnostics,
                            &set.value) < 0)
        return -EINVAL;
    return set_in(&set, 0, root);
}

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "topologies/loader.h"

int topology_view_open(struct topology_loader *loader, struct topology_view *view, const char *owner,
                       struct topology_node *node)
{
    *view = (struct topology_view) {.owner = owner, .place = node->place};
    if (node->kind != TOPOLOGY_MAPPING) {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, node->place, NULL, "%s must be a mapping, not %s", owner,
                       topology_tree_word(node, word));
        return -EINVAL;
    }
    topology_view_merge(loader, view, node);
    return 0;
}

static struct topology_pair *find_pair(struct topology_view *view, const char *key)
{
    for (uint32_t i = 0; i < view->pair_count; i++)
        if (strcmp(view->pairs[i].key->text, key) == 0)
            return &view->pairs[i];
    return NULL;
}

void topology_view_merge(struct topology_loader *loader, struct topology_view *view, const struct topology_node *node)
{
    uint32_t before = view->pair_count;
    struct topology_pair *pairs = base_arena_array(loader->arena, struct topology_pair, before + node->count / 2);
    if (before)
        memcpy(pairs, view->pairs, before * sizeof *pairs);
    uint32_t count = before;
    for (uint32_t i = 0; i + 1 < node->count; i += 2) {
        struct topology_node *key = node->items[i];
        const struct topology_pair *other = find_pair(view, key->text); /* among those of before */
        if (other) {
            char word[TOPOLOGY_WORD_BYTES];
            topology_error(loader, key->place, NULL, "duplicate key %s", topology_tree_word(key, word));
            continue;
        }
        pairs[count++] = (struct topology_pair) {key, node->items[i + 1], false};
    }
    view->pairs = pairs;
    view->pair_count = count;
}

struct topology_pair *topology_view_take(struct topology_view *view, const char *key)
{
    base_assert(view->known_count < TOPOLOGY_KNOWN_MAX);
    view->known[view->known_count++] = key;
    struct topology_pair *pair = find_pair(view, key);
    if (pair)
        pair->used = true;
    return pair;
}

struct topology_pair *topology_view_optional(struct topology_loader *loader, struct topology_view *view,
                                             const char *key)
{
    struct topology_pair *pair = topology_view_take(view, key);
    if (!pair || !topology_tree_is_null(pair->value))
        return pair;
    topology_error(loader, pair->key->place, NULL, "\"%s\" has no value", key);
    return NULL;
}

struct topology_pair *topology_view_require(struct topology_loader *loader, struct topology_view *view,
                                            const char *key)
{
    if (!find_pair(view, key))
        topology_error(loader, view->place, NULL, "missing key \"%s\" in %s", key, view->owner);
    return topology_view_optional(loader, view, key);
}

void topology_view_unbuilt(struct topology_loader *loader, struct topology_view *view, const char *key)
{
    const struct topology_pair *pair = topology_view_take(view, key);
    view->known_count--; /* not to be recommended */
    if (pair)
        topology_error(loader, pair->key->place, NULL, "\"%s\" is not built yet", key);
}

static const char *name_at(const void *names, size_t i)
{
    return ((const char *const *) names)[i];
}

const char *topology_did_you_mean(char hint[TOPOLOGY_HINT_BYTES], const char *word, const char *const *names,
                                  size_t count)
{
    const char *nearest = base_nearest_name(word, count, name_at, names);
    hint[0] = '\0';
    if (nearest)
        snprintf(hint, TOPOLOGY_HINT_BYTES, "did you mean \"%s\"?", nearest);
    return hint;
}

void topology_view_close(struct topology_loader *loader, struct topology_view *view)
{
    for (uint32_t i = 0; i < view->pair_count; i++) {
        const struct topology_node *key = view->pairs[i].key;
        char hint[TOPOLOGY_HINT_BYTES], word[TOPOLOGY_WORD_BYTES];
        if (view->pairs[i].used)
            continue;
        hint[0] = '\0';
        if (loader->diagnostics->error_count < BASE_DIAGNOSTIC_MAX) /* else nobody will read it */
            topology_did_you_mean(hint, key->text, view->known, view->known_count);
        topology_error(loader, key->place, hint, "unknown key %s in %s", topology_tree_word(key, word), view->owner);
    }
}

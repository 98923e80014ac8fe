#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "topologies/loader.h"

/* What the contract names (DESIGN.md section 5); a name that the vocabulary lacks is then not unknown but not built. */
static const struct {
    const char *registry;
    const char *names[8];
} contract[] = {
    {"overlays", {"chord", "kademlia", "epidemic"}},
    {"latencies", {"matrix", "constant", "uniform", "normal", "lognormal", "pareto", "regions"}},
    {"faults", {"partition", "crash", "loss", "latency"}},
    {"workloads", {"lookup", "publish"}},
    {"churns", {"session", "trace"}},
    {"transports", {"memory", "socketpair", "localhost"}},
};

static bool is_of_contract(const struct topology_registry *registry, const char *name)
{
    for (size_t i = 0; i < sizeof contract / sizeof *contract; i++)
        for (size_t k = 0; strcmp(contract[i].registry, registry->name) == 0 && contract[i].names[k]; k++)
            if (strcmp(contract[i].names[k], name) == 0)
                return true;
    return false;
}

static const char *kind_name_at(const void *registry, size_t i)
{
    return ((const struct topology_registry *) registry)->kinds[i]->name;
}

static void list_kinds(const struct topology_registry *registry, char *text, size_t bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < registry->kind_count && length < bytes; i++)
        length += (size_t) snprintf(text + length, bytes - length, "%s%s", i ? ", " : "", registry->kinds[i]->name);
}

static int no_such_kind(struct topology_loader *loader, const struct topology_registry *registry,
                        const struct topology_node *name)
{
    char hint[TOPOLOGY_HINT_BYTES] = "", word[TOPOLOGY_WORD_BYTES];
    topology_tree_word(name, word);
    if (is_of_contract(registry, name->text)) {
        topology_error(loader, name->place, NULL, "%s %s is not built yet", registry->singular, word);
        return -EINVAL;
    }
    const char *nearest = base_nearest_name(name->text, registry->kind_count, kind_name_at, registry);
    if (nearest) {
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest);
    } else {
        int length = snprintf(hint, sizeof hint, "there are ");
        list_kinds(registry, hint + length, sizeof hint - (size_t) length);
    }
    topology_error(loader, name->place, hint, "no %s %s", registry->singular, word);
    return -EINVAL;
}

static const struct topology_parameter *find_parameter(const struct topology_kind *kind, const char *key)
{
    for (uint32_t i = 0; key && i < kind->parameter_count; i++)
        if (strcmp(kind->parameters[i].key, key) == 0)
            return &kind->parameters[i];
    return NULL;
}

bool topology_kind_is_distribution(const struct topology_kind *kind, enum base_distribution_kind *which)
{
    const struct topology_parameter *bare = find_parameter(kind, kind->bare);
    if (!bare || bare->type != TOPOLOGY_DISTRIBUTION)
        return false;
    for (unsigned i = 0; i <= BASE_WEIBULL; i++) {
        *which = (enum base_distribution_kind) i;
        if (bare->distributions == 1u << i && strcmp(base_distribution_name(*which), kind->name) == 0)
            return true;
    }
    return false;
}

static int decode_kind(struct topology_loader *loader, struct topology_view *view, const struct topology_kind *kind,
                       struct base_place place, struct topology_choice *choice)
{
    void *parameters = base_arena_take(loader->arena, kind->parameters_bytes);
    struct base_place *places = base_arena_array(loader->arena, struct base_place, kind->parameter_count);
    *choice = (struct topology_choice) {kind, parameters, place, places};
    return topology_decode_table(loader, view, kind->parameters, kind->parameter_count, parameters, places);
}

/* The row of a distribution: the one parameter is what stands under the name. */
static int decode_distribution_kind(struct topology_loader *loader, const struct topology_kind *kind,
                                    enum base_distribution_kind which, const struct topology_pair *pair,
                                    struct topology_choice *choice)
{
    const struct topology_parameter *bare = find_parameter(kind, kind->bare);
    char *parameters = base_arena_take(loader->arena, kind->parameters_bytes);
    struct base_place *places = base_arena_array(loader->arena, struct base_place, kind->parameter_count);
    *choice = (struct topology_choice) {kind, parameters, pair->key->place, places};
    places[bare - kind->parameters] = pair->value->place;
    return topology_decode_distribution_argument(loader, bare, which, pair->value,
                                                 (struct base_distribution *) (parameters + bare->offset));
}

/* True when a value stands for the bare parameter. A mapping does only for a distribution: `{exponential: 60 s}`. */
static bool is_bare(const struct topology_kind *kind, const struct topology_node *value)
{
    const struct topology_parameter *bare = find_parameter(kind, kind->bare);
    if (value->kind != TOPOLOGY_MAPPING)
        return true;
    return bare && bare->type == TOPOLOGY_DISTRIBUTION && value->count > 0 &&
           !find_parameter(kind, value->items[0]->text);
}

/* Brings what stands under the kind's key into the view, beside what stands beside it. */
static int merge_value(struct topology_loader *loader, struct topology_view *view, const struct topology_kind *kind,
                       const struct topology_pair *pair)
{
    struct topology_node *value = pair->value;
    if (topology_tree_is_null(value)) {
        topology_error(loader, pair->key->place, NULL, "\"%s\" has no value", kind->name);
        return -EINVAL;
    }
    if (is_bare(kind, value)) {
        if (!kind->bare) {
            char word[TOPOLOGY_WORD_BYTES];
            topology_error(loader, value->place, NULL, "\"%s\" must be a mapping, not %s", kind->name,
                           topology_tree_word(value, word));
            return -EINVAL;
        }
        struct topology_node *mapping = topology_tree_mapping(loader->arena);
        topology_tree_put(loader->arena, mapping, kind->bare, value);
        mapping->items[0]->place = pair->key->place;
        value = mapping;
    }
    topology_view_merge(loader, view, value);
    return 0;
}

static bool is_beside(const struct topology_section *section, const char *key)
{
    for (uint32_t i = 0; section && i < section->parameter_count; i++)
        if (strcmp(section->parameters[i].key, key) == 0)
            return true;
    return false;
}

/* No key names a kind: the first unknown one was probably meant to, and the others may be its parameters. */
static int nothing_chosen(struct topology_loader *loader, struct topology_view *view,
                          const struct topology_registry *registry, const struct topology_section *beside)
{
    const struct topology_node *unknown = NULL;
    for (uint32_t i = 0; i < view->pair_count; i++) {
        const struct topology_node *key = view->pairs[i].key;
        if (!view->pairs[i].used && !is_beside(beside, key->text) &&
            (!unknown || is_of_contract(registry, key->text)))
            unknown = key;
        view->pairs[i].used = true;
    }
    if (unknown)
        return no_such_kind(loader, registry, unknown);
    char kinds[200];
    list_kinds(registry, kinds, sizeof kinds);
    topology_error(loader, view->place, NULL, "%s needs one of %s", view->owner, kinds);
    return -EINVAL;
}

int topology_choose(struct topology_loader *loader, struct topology_view *view,
                    const struct topology_registry *registry, const struct topology_section *beside,
                    struct topology_choice *choice)
{
    struct topology_pair chosen = {0};
    const struct topology_kind *kind = NULL;
    enum base_distribution_kind which;
    for (uint32_t i = 0; i < view->pair_count; i++) {
        struct topology_pair *pair = &view->pairs[i];
        const struct topology_kind *found = pair->used ? NULL : topology_kind_find(registry, pair->key->text);
        if (!found)
            continue;
        pair->used = true;
        if (kind) {
            topology_error(loader, pair->key->place, NULL, "%s has one of \"%s\" and \"%s\", not both", view->owner,
                           kind->name, found->name);
            continue;
        }
        kind = found;
        chosen = *pair;
    }
    if (!kind)
        return nothing_chosen(loader, view, registry, beside);
    if (topology_kind_is_distribution(kind, &which) && !topology_tree_is_null(chosen.value))
        return decode_distribution_kind(loader, kind, which, &chosen, choice);
    if (merge_value(loader, view, kind, &chosen) < 0)
        return -EINVAL;
    return decode_kind(loader, view, kind, chosen.key->place, choice);
}

int topology_choose_named(struct topology_loader *loader, struct topology_view *view,
                          const struct topology_registry *registry, const struct topology_node *name,
                          struct topology_choice *choice)
{
    const struct topology_kind *kind = NULL;
    if (name->kind == TOPOLOGY_SCALAR) {
        kind = topology_kind_find(registry, name->text);
        if (kind)
            return decode_kind(loader, view, kind, name->place, choice);
        no_such_kind(loader, registry, name);
    } else {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, name->place, NULL, "a name is needed, not %s", topology_tree_word(name, word));
    }
    for (uint32_t i = 0; i < view->pair_count; i++)
        view->pairs[i].used = true; /* parameters of what is not known are neither right nor wrong */
    return -EINVAL;
}

int topology_choose_by_parameter(struct topology_loader *loader, struct topology_view *view,
                                 const struct topology_registry *registry, struct topology_choice *choice)
{
    const struct topology_kind *kind = NULL;
    struct base_place place = {0};
    for (uint32_t i = 0; i < view->pair_count && !kind; i++) {
        for (uint32_t k = 0; k < registry->kind_count && !kind && !view->pairs[i].used; k++)
            if (find_parameter(registry->kinds[k], view->pairs[i].key->text))
                kind = registry->kinds[k];
        place = view->pairs[i].key->place;
    }
    if (!kind)
        return nothing_chosen(loader, view, registry, NULL);
    return decode_kind(loader, view, kind, place, choice);
}

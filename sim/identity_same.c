#include "sim/identity_same.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_distribution(const struct base_distribution *a, const struct base_distribution *b)
{
    return a->kind == b->kind && a->cut == b->cut && a->a == b->a && a->b == b->b;
}

static bool same_peers(const struct topology_peers *a, const struct topology_peers *b)
{
    return a->count == b->count && (a->count == 0 || memcmp(a->groups, b->groups, a->count * sizeof *a->groups) == 0);
}

static bool same_sets(const struct topology_sets *a, const struct topology_sets *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!same_peers(&a->sets[i], &b->sets[i]))
            return false;
    return true;
}

/* Value by value rather than the structs as a whole: they hold pointers and padding. */
static bool same_value(enum topology_type type, const void *a, const void *b)
{
    switch (type) {
    case TOPOLOGY_BOOLEAN:
        return *(const bool *) a == *(const bool *) b;
    case TOPOLOGY_REAL:
        return *(const double *) a == *(const double *) b;
    case TOPOLOGY_INTEGER:
    case TOPOLOGY_DURATION:
    case TOPOLOGY_BYTES:
    case TOPOLOGY_RATE:
        return *(const uint64_t *) a == *(const uint64_t *) b;
    case TOPOLOGY_SHARE:
    case TOPOLOGY_NAME:
        return *(const uint32_t *) a == *(const uint32_t *) b;
    case TOPOLOGY_TEXT:
        return same_text(*(const char *const *) a, *(const char *const *) b);
    case TOPOLOGY_DISTRIBUTION:
        return same_distribution(a, b);
    case TOPOLOGY_PEERS:
        return same_peers(a, b);
    case TOPOLOGY_PEER_SETS:
        return same_sets(a, b);
    case TOPOLOGY_FILE:
        break;
    }
    return *(const struct topology_file *const *) a == *(const struct topology_file *const *) b; /* one a file */
}

bool identity_same_choice(const struct topology_choice *a, const struct topology_choice *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind)
        return false;
    for (uint32_t i = 0; i < a->kind->parameter_count; i++) {
        const struct topology_parameter *parameter = &a->kind->parameters[i];
        const char *value_a = (const char *) a->parameters + parameter->offset;
        const char *value_b = (const char *) b->parameters + parameter->offset;
        if (!same_value(parameter->type, value_a, value_b))
            return false;
        if (parameter->set_offset != 0 && *((const char *) a->parameters + parameter->set_offset) !=
                                              *((const char *) b->parameters + parameter->set_offset))
            return false;
    }
    return true;
}

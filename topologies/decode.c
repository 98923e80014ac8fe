#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/decimal.h"
#include "topologies/loader.h"
#include "topologies/quantity.h"
#include "topologies/yaml.h"

static const char *phrase(enum topology_type type)
{
    switch (type) {
    case TOPOLOGY_INTEGER: return "a whole number";
    case TOPOLOGY_REAL: return "a number";
    case TOPOLOGY_DURATION: return "a duration such as 50 ms";
    case TOPOLOGY_BYTES: return "a size such as 128 KiB";
    case TOPOLOGY_RATE: return "a rate such as 10 Mbit/s";
    case TOPOLOGY_SHARE: return "a percentage such as 0.1 %";
    case TOPOLOGY_NAME: return "a name";
    case TOPOLOGY_FILE: return "the name of a file";
    default: return topology_type_name(type);
    }
}

static int wrong_type(struct topology_loader *loader, const struct topology_parameter *parameter,
                      const struct topology_node *node)
{
    char word[TOPOLOGY_WORD_BYTES];
    topology_error(loader, node->place, NULL, "\"%s\" must be %s, not %s", parameter->key,
                   phrase(parameter->type), topology_tree_word(node, word));
    return -EINVAL;
}

static const char *list_units(enum topology_type type, char *text, size_t bytes)
{
    bool is_one = !topology_units(type)[1].name;
    const char *kind = topology_type_name(type);
    int length = snprintf(text, bytes, "a %s has %s", kind, is_one ? "the unit" : "one of the units");
    for (const struct topology_unit *unit = topology_units(type); unit->name; unit++)
        length += snprintf(text + length, bytes - (size_t) length, " %s", unit->name);
    return text;
}

static int decode_quantity(struct topology_loader *loader, const struct topology_parameter *parameter,
                           const struct topology_node *node, uint64_t *value)
{
    char units[96];
    const char *unit = "";
    switch (topology_quantity_read(parameter->type, node->text, value, &unit)) {
    case TOPOLOGY_QUANTITY_GOOD:
        return 0;
    case TOPOLOGY_QUANTITY_NO_NUMBER:
        return wrong_type(loader, parameter, node);
    case TOPOLOGY_QUANTITY_NO_UNIT:
        topology_error(loader, node->place, list_units(parameter->type, units, sizeof units),
                       "\"%s\" needs a unit: \"%.40s\" is a bare number", parameter->key, node->text);
        return -EINVAL;
    case TOPOLOGY_QUANTITY_UNKNOWN_UNIT:
        topology_error(loader, node->place, list_units(parameter->type, units, sizeof units),
                       "\"%s\" is a %s, and \"%.40s\" is no unit of one", parameter->key,
                       topology_type_name(parameter->type), unit);
        return -EINVAL;
    case TOPOLOGY_QUANTITY_NEGATIVE:
        topology_error(loader, node->place, NULL, "\"%s\" must not be negative", parameter->key);
        return -EINVAL;
    case TOPOLOGY_QUANTITY_TOO_LARGE:
        topology_error(loader, node->place, NULL, "\"%s\" must be at most %s", parameter->key,
                       parameter->type == TOPOLOGY_DURATION ? "292 years"
                       : parameter->type == TOPOLOGY_SHARE  ? "100 %"
                                                            : "2^63 - 1");
        return -EINVAL;
    }
    return -EINVAL;
}

static int decode_integer(struct topology_loader *loader, const struct topology_parameter *parameter,
                          const struct topology_node *node, uint64_t *value)
{
    bool negative = node->text[0] == '-';
    const char *digits = node->text + negative;
    size_t length = strlen(digits);
    if (node->quoted || length == 0 || strspn(digits, "0123456789") != length)
        return wrong_type(loader, parameter, node);
    int read = base_decimal_read(digits, length, 1, 1, value);
    if (negative && (read < 0 || *value > 0)) {
        topology_error(loader, node->place, NULL, "\"%s\" must not be negative", parameter->key);
        return -EINVAL;
    }
    if (read < 0) {
        topology_error(loader, node->place, NULL, "\"%s\" must be below 2^64", parameter->key);
        return -EINVAL;
    }
    return 0;
}

static int decode_real(struct topology_loader *loader, const struct topology_parameter *parameter,
                       const struct topology_node *node, double *value)
{
    int read = node->quoted ? -EINVAL : base_decimal_read_real(node->text, node->length, value);
    if (read == -ERANGE) {
        topology_error(loader, node->place, NULL, "\"%s\" is out of the range of numbers", parameter->key);
        return -EINVAL;
    }
    return read > 0 && (size_t) read == node->length ? 0 : wrong_type(loader, parameter, node);
}

static int decode_boolean(struct topology_loader *loader, const struct topology_parameter *parameter,
                          const struct topology_node *node, bool *value)
{
    static const char *const words[] = {"false", "False", "FALSE", "true", "True", "TRUE"};
    for (size_t i = 0; !node->quoted && i < 6; i++) {
        if (strcmp(node->text, words[i]) == 0) {
            *value = i >= 3;
            return 0;
        }
    }
    char word[TOPOLOGY_WORD_BYTES];
    topology_error(loader, node->place, NULL, "\"%s\" must be true or false, not %s", parameter->key,
                   topology_tree_word(node, word));
    return -EINVAL;
}

static int decode_name(struct topology_loader *loader, const struct topology_parameter *parameter,
                       const struct topology_node *node, uint32_t *value)
{
    uint32_t count = 0;
    char list[200] = "", hint[TOPOLOGY_HINT_BYTES], word[TOPOLOGY_WORD_BYTES];
    size_t length = 0;
    for (; parameter->names[count]; count++) {
        if (strcmp(parameter->names[count], node->text) == 0) {
            *value = count;
            return 0;
        }
        if (length < sizeof list)
            length += (size_t) snprintf(list + length, sizeof list - length, "%s%s", count ? ", " : "",
                                        parameter->names[count]);
    }
    topology_error(loader, node->place, topology_did_you_mean(hint, node->text, parameter->names, count),
                   "\"%s\" must be one of %s, not %s", parameter->key, list, topology_tree_word(node, word));
    return -EINVAL;
}

/* Decodes the text of a range's end or of a default as YAML would say it. Most are single values, for which there is no
 * need of a parser: thousands of groups with an overlay of their own decode thousands of defaults. */
static int decode_own_text(struct topology_loader *loader, const struct topology_parameter *parameter,
                           const char *text, void *out)
{
    struct topology_node scalar = {.kind = TOPOLOGY_SCALAR, .text = text, .length = strlen(text)};
    struct topology_node *node = &scalar;
    if (*text == '{' || *text == '[') {
        struct base_source *source = base_arena_take(loader->arena, sizeof *source);
        *source = (struct base_source) {parameter->key, text, strlen(text)};
        base_assert(topology_yaml_parse(loader->arena, source, 0, loader->diagnostics, &node) == 0);
    }
    return topology_decode_value(loader, parameter, node, out);
}

/* -1, 0 or 1 for the value against a range's end. */
static int compare_with(struct topology_loader *loader, const struct topology_parameter *parameter, const void *value,
                        const char *end)
{
    union {
        uint64_t integer;
        uint32_t share;
        double real;
    } bound = {0};
    struct topology_parameter free_of_range = *parameter;
    free_of_range.minimum = free_of_range.maximum = NULL;
    base_assert(decode_own_text(loader, &free_of_range, end, &bound) == 0); /* a row's own text */
    if (parameter->type == TOPOLOGY_REAL) {
        double real = *(const double *) value;
        return (real > bound.real) - (real < bound.real);
    }
    uint64_t integer = parameter->type == TOPOLOGY_SHARE ? *(const uint32_t *) value : *(const uint64_t *) value;
    uint64_t wanted = parameter->type == TOPOLOGY_SHARE ? bound.share : bound.integer;
    return (integer > wanted) - (integer < wanted);
}

static int check_range(struct topology_loader *loader, const struct topology_parameter *parameter,
                       const struct topology_node *node, const void *value)
{
    char word[TOPOLOGY_WORD_BYTES];
    bool below = parameter->minimum && compare_with(loader, parameter, value, parameter->minimum) < 0;
    bool above = parameter->maximum && compare_with(loader, parameter, value, parameter->maximum) > 0;
    if (!below && !above)
        return 0;
    topology_tree_word(node, word);
    if (parameter->minimum && parameter->maximum)
        topology_error(loader, node->place, NULL, "\"%s\" must be from %s to %s, not %s", parameter->key,
                       parameter->minimum, parameter->maximum, word);
    else
        topology_error(loader, node->place, NULL, "\"%s\" must be at %s %s, not %s", parameter->key,
                       below ? "least" : "most", below ? parameter->minimum : parameter->maximum, word);
    return -EINVAL;
}

static int decode_scalar(struct topology_loader *loader, const struct topology_parameter *parameter,
                         const struct topology_node *node, void *out)
{
    uint64_t quantity = 0;
    if (node->kind != TOPOLOGY_SCALAR)
        return wrong_type(loader, parameter, node);
    switch (parameter->type) {
    case TOPOLOGY_BOOLEAN:
        return decode_boolean(loader, parameter, node, out);
    case TOPOLOGY_NAME:
        return decode_name(loader, parameter, node, out);
    case TOPOLOGY_TEXT:
        *(const char **) out = node->text;
        return 0;
    case TOPOLOGY_INTEGER:
        return decode_integer(loader, parameter, node, out) < 0 ? -EINVAL : check_range(loader, parameter, node, out);
    case TOPOLOGY_REAL:
        return decode_real(loader, parameter, node, out) < 0 ? -EINVAL : check_range(loader, parameter, node, out);
    default:
        if (decode_quantity(loader, parameter, node, &quantity) < 0)
            return -EINVAL;
    }
    if (parameter->type == TOPOLOGY_SHARE)
        *(uint32_t *) out = (uint32_t) quantity;
    else
        *(uint64_t *) out = quantity;
    return check_range(loader, parameter, node, out);
}

int topology_decode_value(struct topology_loader *loader, const struct topology_parameter *parameter,
                          struct topology_node *node, void *out)
{
    switch (parameter->type) {
    case TOPOLOGY_DISTRIBUTION:
        return topology_decode_distribution(loader, parameter, node, out);
    case TOPOLOGY_PEERS:
        return topology_decode_peers(loader, parameter->key, node, out);
    case TOPOLOGY_PEER_SETS:
        return topology_decode_sets(loader, parameter->key, node, out);
    case TOPOLOGY_FILE:
        return node->kind == TOPOLOGY_SCALAR ? topology_decode_file(loader, node, out)
                                             : wrong_type(loader, parameter, node);
    default:
        return decode_scalar(loader, parameter, node, out);
    }
}

static int decode_one(struct topology_loader *loader, struct topology_view *view,
                      const struct topology_parameter *parameter, void *out, struct base_place *place)
{
    bool required = !parameter->default_text && !parameter->optional;
    struct topology_pair *pair = required ? topology_view_require(loader, view, parameter->key)
                                          : topology_view_optional(loader, view, parameter->key);
    char *value = (char *) out + parameter->offset;
    if (pair) {
        *place = pair->value->place;
        if (parameter->set_offset)
            *(bool *) ((char *) out + parameter->set_offset) = true;
        return topology_decode_value(loader, parameter, pair->value, value);
    }
    if (parameter->default_text)
        base_assert(decode_own_text(loader, parameter, parameter->default_text, value) == 0);
    return required ? -EINVAL : 0;
}

int topology_decode_table(struct topology_loader *loader, struct topology_view *view,
                          const struct topology_parameter *parameters, uint32_t count, void *out,
                          struct base_place *places)
{
    int result = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct base_place place = {0};
        if (decode_one(loader, view, &parameters[i], out, places ? &places[i] : &place) < 0)
            result = -EINVAL;
    }
    return result;
}

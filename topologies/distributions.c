#include "topologies/distributions.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "topologies/loader.h"

#define SPAN(name, least, sentence) \
    {.key = name, .type = TOPOLOGY_DURATION, .offset = offsetof(struct topology_spans, span_ns), .minimum = least, \
     .about = sentence}
#define PURE(name, least, sentence) \
    {.key = name, .type = TOPOLOGY_REAL, .offset = offsetof(struct topology_spans, pure), .minimum = least, \
     .maximum = "1000", .about = sentence}

static const struct topology_parameter normal_arguments[] = {
    SPAN("mean", NULL, "The mean."),
    {.key = "sd", .type = TOPOLOGY_DURATION, .offset = offsetof(struct topology_spans, second_ns), .minimum = "1 ns",
     .about = "The standard deviation."},
};
static const struct topology_parameter lognormal_arguments[] = {
    SPAN("median", "1 ns", "The median."),
    PURE("sigma", "0.000001", "The standard deviation of the logarithm."),
};
static const struct topology_parameter pareto_arguments[] = {
    SPAN("scale", "1 ns", "The least span."),
    PURE("shape", "0.000001", "The exponent of the tail; the mean is finite above 1."),
};
static const struct topology_parameter weibull_arguments[] = {
    PURE("shape", "0.000001", "Below 1: a heavy tail; 1: exponential."),
    SPAN("scale", "1 ns", "The span that 63 % stay below."),
};

const struct topology_parameter *topology_distribution_arguments(enum base_distribution_kind kind)
{
    switch (kind) {
    case BASE_NORMAL: return normal_arguments;
    case BASE_LOGNORMAL: return lognormal_arguments;
    case BASE_PARETO: return pareto_arguments;
    case BASE_WEIBULL: return weibull_arguments;
    default: return NULL;
    }
}

/* range: the parameter whose minimum and maximum bound the span, or NULL: any that is not 0. */
static int decode_span(struct topology_loader *loader, const char *key, const struct topology_parameter *range,
                       struct topology_node *node, double *span_ns)
{
    const struct topology_parameter span = {.key = key,
                                            .type = TOPOLOGY_DURATION,
                                            .minimum = range ? range->minimum : "1 ns",
                                            .maximum = range ? range->maximum : NULL};
    uint64_t value = 0;
    int result = topology_decode_value(loader, &span, node, &value);
    *span_ns = (double) value;
    return result;
}

static int decode_uniform(struct topology_loader *loader, const struct topology_parameter *parameter,
                          const struct topology_node *node, struct base_distribution *distribution)
{
    if (node->kind != TOPOLOGY_SEQUENCE || node->count != 2) {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, node->place, "uniform: [10 ms, 90 ms]",
                       "\"uniform\" must be a list of two durations, the least and the greatest, not %s",
                       node->kind == TOPOLOGY_SEQUENCE ? "of another number" : topology_tree_word(node, word));
        return -EINVAL;
    }
    const struct topology_parameter least = {.maximum = parameter->maximum}; /* the greatest must reach the minimum */
    if (decode_span(loader, "uniform", &least, node->items[0], &distribution->a) < 0 ||
        decode_span(loader, "uniform", parameter, node->items[1], &distribution->b) < 0)
        return -EINVAL;
    if (distribution->a <= distribution->b)
        return 0;
    topology_error(loader, node->items[1]->place, NULL, "the greatest span must not be below the least");
    return -EINVAL;
}

static int decode_pair(struct topology_loader *loader, enum base_distribution_kind kind, struct topology_node *node,
                       struct base_distribution *distribution)
{
    struct topology_view view;
    struct topology_spans spans = {0};
    const struct topology_parameter *arguments = topology_distribution_arguments(kind);
    if (kind == BASE_NORMAL && node->kind == TOPOLOGY_SCALAR)
        return decode_span(loader, "normal", NULL, node, &distribution->b);
    if (topology_view_open(loader, &view, base_distribution_name(kind), node) < 0)
        return -EINVAL;
    int result = topology_decode_table(loader, &view, arguments, 2, &spans, NULL);
    topology_view_close(loader, &view);
    distribution->a = (double) spans.span_ns;
    distribution->b = kind == BASE_NORMAL ? (double) spans.second_ns : spans.pure;
    return result;
}

int topology_decode_distribution_argument(struct topology_loader *loader, const struct topology_parameter *parameter,
                                          enum base_distribution_kind kind, struct topology_node *node,
                                          struct base_distribution *distribution)
{
    *distribution = (struct base_distribution) {.kind = kind};
    distribution->cut = parameter->cut && (kind == BASE_NORMAL || kind == BASE_LOGNORMAL);
    switch (kind) {
    case BASE_CONSTANT:
        return decode_span(loader, "constant", parameter, node, &distribution->a);
    case BASE_EXPONENTIAL:
        return decode_span(loader, "exponential", NULL, node, &distribution->a);
    case BASE_UNIFORM:
        return decode_uniform(loader, parameter, node, distribution);
    default:
        return decode_pair(loader, kind, node, distribution);
    }
}

static int no_such_distribution(struct topology_loader *loader, const struct topology_parameter *parameter,
                                const struct topology_node *name)
{
    const char *names[BASE_WEIBULL + 1];
    uint32_t count = 0;
    char hint[TOPOLOGY_HINT_BYTES], word[TOPOLOGY_WORD_BYTES];
    for (unsigned kind = 0; kind <= BASE_WEIBULL; kind++)
        if (parameter->distributions & (1u << kind))
            names[count++] = base_distribution_name((enum base_distribution_kind) kind);
    topology_error(loader, name->place, topology_did_you_mean(hint, name->text, names, count),
                   "\"%s\" cannot be distributed as %s", parameter->key, topology_tree_word(name, word));
    return -EINVAL;
}

int topology_decode_distribution(struct topology_loader *loader, const struct topology_parameter *parameter,
                                 struct topology_node *node, struct base_distribution *distribution)
{
    char word[TOPOLOGY_WORD_BYTES];
    if (node->kind == TOPOLOGY_SCALAR && (parameter->distributions & (1u << BASE_CONSTANT))) {
        *distribution = (struct base_distribution) {.kind = BASE_CONSTANT};
        return decode_span(loader, parameter->key, parameter, node, &distribution->a);
    }
    if (node->kind != TOPOLOGY_MAPPING || node->count != 2) {
        topology_error(loader, node->place, "for example {exponential: 60 s}",
                       "\"%s\" must be a %s, not %s", parameter->key,
                       parameter->distributions & (1u << BASE_CONSTANT) ? "duration or one distribution"
                                                                        : "mapping with one distribution",
                       node->kind == TOPOLOGY_MAPPING ? "several keys" : topology_tree_word(node, word));
        return -EINVAL;
    }
    for (unsigned kind = 0; kind <= BASE_WEIBULL; kind++)
        if ((parameter->distributions & (1u << kind)) &&
            strcmp(base_distribution_name((enum base_distribution_kind) kind), node->items[0]->text) == 0)
            return topology_decode_distribution_argument(loader, parameter, (enum base_distribution_kind) kind,
                                                         node->items[1], distribution);
    return no_such_distribution(loader, parameter, node->items[0]);
}

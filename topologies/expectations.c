/* expect: FIGURE OP VALUE, such as "lookups.success_ratio >= 99 %". */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/decimal.h"
#include "topologies/loader.h"

static const struct {
    const char *text;
    enum topology_comparison comparison;
} operators[] = {
    {"<=", TOPOLOGY_AT_MOST}, {">=", TOPOLOGY_AT_LEAST}, {"==", TOPOLOGY_EQUAL}, {"!=", TOPOLOGY_UNEQUAL},
    {"<", TOPOLOGY_LESS}, {">", TOPOLOGY_MORE},
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static const char *read_path(struct topology_loader *loader, const char *text, const char **path)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    if (length == 0 || text[0] == '.' || text[length - 1] == '.')
        return NULL;
    *path = base_arena_copy_text(loader->arena, text, length);
    return strstr(*path, "..") ? NULL : skip_blanks(text + length);
}

static const char *read_operator(const char *text, enum topology_comparison *comparison)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t length = strlen(operators[i].text);
        if (strncmp(text, operators[i].text, length) == 0) {
            *comparison = operators[i].comparison;
            return skip_blanks(text + length);
        }
    }
    return NULL;
}

/* 99 % is read as 99e-2, so that it is the double that 0.99 is. */
static int read_value(const char *text, double *value)
{
    char scaled[64];
    size_t length = strcspn(text, " \t%");
    const char *rest = skip_blanks(text + length);
    if (*rest == '%' && *skip_blanks(rest + 1) == '\0' && length < 40 && !memchr(text, 'e', length) &&
        !memchr(text, 'E', length)) {
        int scaled_length = snprintf(scaled, sizeof scaled, "%.*se-2", (int) length, text);
        return base_decimal_read_real(scaled, (size_t) scaled_length, value) == scaled_length ? 0 : -EINVAL;
    }
    int read = *rest == '\0' ? base_decimal_read_real(text, length, value) : -EINVAL;
    return read > 0 && (size_t) read == length ? 0 : -EINVAL;
}

static void decode_expectation(struct topology_loader *loader, const struct topology_node *node,
                               struct topology_expectation *expectation)
{
    char word[TOPOLOGY_WORD_BYTES];
    const char *rest = NULL;
    expectation->place = node->place;
    expectation->text = node->kind == TOPOLOGY_SCALAR ? node->text : "";
    if (node->kind == TOPOLOGY_SCALAR)
        rest = read_path(loader, skip_blanks(node->text), &expectation->path);
    if (rest)
        rest = read_operator(rest, &expectation->comparison);
    if (rest && read_value(rest, &expectation->value) == 0)
        return;
    topology_error(loader, node->place, "for example: lookups.success_ratio >= 99 %",
                   "an expectation is FIGURE OPERATOR NUMBER, with < <= > >= == or !=, not %s",
                   topology_tree_word(node, word));
}

void topology_decode_expectations(struct topology_loader *loader, struct topology_node *node)
{
    if (node->kind != TOPOLOGY_SEQUENCE) {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, node->place, NULL, "\"expect\" must be a list, not %s", topology_tree_word(node, word));
        return;
    }
    struct topology_expectation *items = base_arena_array(loader->arena, struct topology_expectation, node->count);
    for (uint32_t i = 0; i < node->count; i++)
        decode_expectation(loader, node->items[i], &items[i]);
    loader->scenario->expectations = items;
    loader->scenario->expectation_count = node->count;
}

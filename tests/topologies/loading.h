/* What the tests of the loader share: loading from memory, and diagnostics as one text. */
#ifndef TESTS_TOPOLOGIES_LOADING_H
#define TESTS_TOPOLOGIES_LOADING_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/topologies/vocabulary.h"

/* Serves the scenario under any name that ends in .yaml, rtt.txt and up.avt as short texts, and nothing else. */
static inline int read_from_memory(void *context, struct base_arena *arena, const char *name, const char **text,
                                   size_t *length)
{
    const struct base_source *scenario = context;
    const char *dot = strrchr(name, '.');
    (void) arena;
    *text = scenario->text;
    *length = scenario->length;
    if (dot && strcmp(dot, ".yaml") == 0)
        return 0;
    *text = "0 10\n10 0\n";
    *length = strlen(*text);
    return dot && (strcmp(dot, ".txt") == 0 || strcmp(dot, ".avt") == 0) ? 0 : -ENOENT;
}

static inline int load_bytes(struct scenario **scenario, const char *text, size_t length, const char *const *sets,
                             struct base_diagnostics *diagnostics)
{
    struct base_source source = {"memory", text, length};
    struct topology_reader reader = {read_from_memory, &source};
    struct topology_load_options options = {.path = "folder/scenario.yaml", .reader = &reader, .sets = sets};
    while (sets && sets[options.set_count])
        options.set_count++;
    memset(diagnostics, 0, sizeof *diagnostics);
    return topology_load(scenario, &options, &test_vocabulary, diagnostics);
}

static inline const char *all_diagnostics(const struct base_diagnostics *diagnostics)
{
    static char text[BASE_DIAGNOSTIC_MAX * 1200];
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < diagnostics->count; i++)
        length += base_diagnostic_format(&diagnostics->items[i], text + length, sizeof text - length);
    if (diagnostics->error_count + diagnostics->warning_count > diagnostics->count)
        snprintf(text + length, sizeof text - length, "%u errors\n", diagnostics->error_count);
    return text;
}

/* A scenario that must be right; freed by the caller. */
static inline struct scenario *load_good(const char *text, const char *const *sets)
{
    struct base_diagnostics diagnostics;
    struct scenario *scenario;
    if (load_bytes(&scenario, text, strlen(text), sets, &diagnostics) < 0)
        fail_msg("%s", all_diagnostics(&diagnostics));
    return scenario;
}

static inline char *read_whole_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = NULL;
    size_t capacity = 0;
    *length = 0;
    do {
        capacity = 2 * capacity + 4096;
        text = realloc(text, capacity);
        assert_non_null(text);
        *length += fread(text + *length, 1, capacity - *length - 1, file);
    } while (*length == capacity - 1);
    text[*length] = '\0';
    fclose(file);
    return text;
}

#define MINIMAL \
    "name: x\nduration: 1 h\npeers: [{name: home, count: 90}, {name: server, count: 10}]\n" \
    "network: {latency: {constant: 20 ms}}\noverlay: {protocol: kademlia}\n"

#endif

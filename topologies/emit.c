#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "reactor/base/assert.h"
#include "topologies/yaml.h"

struct output {
    char *text;
    size_t length, capacity;
};

static int write_output(void *context, unsigned char *bytes, size_t count)
{
    struct output *output = context;
    if (output->length + count + 1 > output->capacity) {
        size_t capacity = 2 * (output->length + count + 1);
        char *text = realloc(output->text, capacity);
        if (!text)
            return 0;
        output->text = text;
        output->capacity = capacity;
    }
    memcpy(output->text + output->length, bytes, count);
    output->length += count;
    return 1;
}

static void emit_event(yaml_emitter_t *emitter, yaml_event_t *event)
{
    base_assert(yaml_emitter_emit(emitter, event)); /* takes the event; only our own tree or no memory can fail it */
}

static void emit_scalar(yaml_emitter_t *emitter, const struct topology_node *node, bool json)
{
    yaml_scalar_style_t style = node->quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                : json       ? YAML_PLAIN_SCALAR_STYLE
                                             : YAML_ANY_SCALAR_STYLE;
    yaml_event_t event;
    base_assert(yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *) node->text, (int) node->length,
                                             1, 1, style));
    emit_event(emitter, &event);
}

static void emit_node(yaml_emitter_t *emitter, const struct topology_node *node, bool json)
{
    yaml_event_t event;
    bool flow = json || node->flow;
    if (node->kind == TOPOLOGY_SCALAR) {
        emit_scalar(emitter, node, json);
        return;
    }
    if (node->kind == TOPOLOGY_SEQUENCE)
        base_assert(yaml_sequence_start_event_initialize(
            &event, NULL, NULL, 1, flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE));
    else
        base_assert(yaml_mapping_start_event_initialize(
            &event, NULL, NULL, 1, flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE));
    emit_event(emitter, &event);
    for (uint32_t i = 0; i < node->count; i++) {
        if (json && node->kind == TOPOLOGY_MAPPING && i % 2 == 0)
            node->items[i]->quoted = true;
        emit_node(emitter, node->items[i], json);
    }
    base_assert(node->kind == TOPOLOGY_SEQUENCE ? yaml_sequence_end_event_initialize(&event)
                                                : yaml_mapping_end_event_initialize(&event));
    emit_event(emitter, &event);
}

const char *topology_yaml_emit(struct base_arena *arena, struct topology_node *root, enum topology_yaml_style style)
{
    struct output output = {0};
    yaml_emitter_t emitter;
    yaml_event_t event;
    base_assert(yaml_emitter_initialize(&emitter));
    yaml_emitter_set_output(&emitter, write_output, &output);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1); /* a folded line would not be JSON, nor easy to read */
    base_assert(yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit_event(&emitter, &event);
    base_assert(yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    emit_event(&emitter, &event);
    emit_node(&emitter, root, style == TOPOLOGY_YAML_JSON);
    base_assert(yaml_document_end_event_initialize(&event, 1));
    emit_event(&emitter, &event);
    base_assert(yaml_stream_end_event_initialize(&event));
    emit_event(&emitter, &event);
    yaml_emitter_delete(&emitter);
    const char *text = base_arena_copy_text(arena, output.text, output.length);
    free(output.text);
    return text;
}

#include "reactor/base/diagnostic.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/utf8.h"

/* Of the source line: what is shown of it, and how much of that stands before the caret in a long one. */
#define WINDOW_COLUMNS 100
#define WINDOW_BEFORE 60

/* What a user wrote may be quoted in a message, which must stay one line and leave the terminal alone. */
static void clean(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char) *text < ' ' || *text == 0x7f)
            *text = ' ';
}

/* Marks text that vsnprintf cut, without leaving half a character before the mark. */
static void mark_cut(char text[BASE_DIAGNOSTIC_TEXT_BYTES], size_t whole_length)
{
    if (whole_length < BASE_DIAGNOSTIC_TEXT_BYTES)
        return;
    size_t end = BASE_DIAGNOSTIC_TEXT_BYTES - sizeof("...");
    while (end > 0 && base_utf8_continues(text[end]))
        end--;
    strcpy(text + end, "...");
}

/* Room for one more, or NULL: a warning gives way to an error, so that errors are never hidden by warnings. */
static struct base_diagnostic *next_item(struct base_diagnostics *diagnostics, enum base_severity severity)
{
    if (diagnostics->count < BASE_DIAGNOSTIC_MAX)
        return &diagnostics->items[diagnostics->count++];
    struct base_diagnostic *items = diagnostics->items;
    for (uint32_t i = BASE_DIAGNOSTIC_MAX; severity == BASE_ERROR && i-- > 0;) {
        if (items[i].severity == BASE_WARNING) {
            memmove(&items[i], &items[i + 1], (BASE_DIAGNOSTIC_MAX - 1 - i) * sizeof(*items));
            return &items[BASE_DIAGNOSTIC_MAX - 1];
        }
    }
    return NULL;
}

void base_diagnose(struct base_diagnostics *diagnostics, enum base_severity severity, struct base_place place,
                   const char *hint, const char *format, ...)
{
    if (severity == BASE_ERROR)
        diagnostics->error_count++;
    else
        diagnostics->warning_count++;
    struct base_diagnostic *item = next_item(diagnostics, severity);
    if (item == NULL)
        return;
    item->severity = severity;
    item->place = place;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(item->message, sizeof(item->message), format, arguments);
    va_end(arguments);
    base_assert(length >= 0);
    mark_cut(item->message, (size_t) length);
    clean(item->message);
    length = snprintf(item->hint, sizeof(item->hint), "%s", hint == NULL ? "" : hint);
    base_assert(length >= 0);
    mark_cut(item->hint, (size_t) length);
    clean(item->hint);
}

/* Text being written: length is what the whole would have, bytes what there is room for. */
struct output {
    char *text;
    size_t bytes, length;
};

static void put_char(struct output *output, char c)
{
    if (output->length + 1 < output->bytes)
        output->text[output->length] = c;
    output->length++;
}

static void put(struct output *output, const char *text)
{
    for (; *text != '\0'; text++)
        put_char(output, *text);
}

static void put_number(struct output *output, const char *format, uint32_t number)
{
    char digits[16];
    snprintf(digits, sizeof(digits), format, number);
    put(output, digits);
}

/* Finds line number line of the source; false when it has fewer. */
static bool find_line(const struct base_source *source, uint32_t line, const char **start, size_t *length)
{
    const char *at = source->text, *end = source->text + source->length;
    for (uint32_t number = 1; number < line; number++) {
        const char *newline = at < end ? memchr(at, '\n', (size_t) (end - at)) : NULL;
        if (newline == NULL)
            return false;
        at = newline + 1;
    }
    const char *newline = at < end ? memchr(at, '\n', (size_t) (end - at)) : NULL;
    *start = at;
    *length = (size_t) ((newline == NULL ? end : newline) - at);
    if (*length > 0 && at[*length - 1] == '\r')
        (*length)--;
    return true;
}

/* Cuts a long line to the window around byte caret, at whole characters. */
static void cut_window(const char *text, size_t length, size_t caret, size_t *start, size_t *end)
{
    *start = 0;
    *end = length;
    if (length <= WINDOW_COLUMNS)
        return;
    if (caret > WINDOW_BEFORE)
        *start = caret - WINDOW_BEFORE;
    if (*start > length - WINDOW_COLUMNS)
        *start = length - WINDOW_COLUMNS;
    *end = *start + WINDOW_COLUMNS;
    while (*start < caret && base_utf8_continues(text[*start]))
        (*start)++;
    while (*end > *start && *end < length && base_utf8_continues(text[*end]))
        (*end)--;
}

/* Prints text with what would disturb a terminal replaced; returns how many characters stand before byte caret. */
static size_t put_line(struct output *output, const char *text, size_t start, size_t end, size_t caret)
{
    size_t before_caret = 0;
    for (size_t i = start, bytes; i < end; i += bytes) {
        uint32_t character;
        bytes = base_utf8_read(text + i, end - i, &character);
        bool control = character < ' ' || (character >= 0x7f && character < 0xa0);
        if (bytes == 0)
            put_char(output, '?');
        else if (control)
            put_char(output, ' ');
        else
            for (size_t j = 0; j < bytes; j++)
                put_char(output, text[i + j]);
        bytes += bytes == 0;
        before_caret += i + bytes <= caret;
    }
    return before_caret;
}

static void put_source_line(struct output *output, const struct base_place *place)
{
    const char *text;
    size_t length;
    if (!find_line(place->source, place->line, &text, &length))
        return; /* a mistake at the end of the text, behind its last line */
    size_t caret = place->column > 0 ? place->column - 1 : 0;
    if (caret > length)
        caret = length;
    size_t start, end;
    cut_window(text, length, caret, &start, &end);
    put_number(output, "%5u | ", place->line);
    size_t blanks = put_line(output, text, start, end, caret);
    put(output, "\n      | ");
    while (blanks-- > 0)
        put_char(output, ' ');
    put(output, "^\n");
}

static void put_heading(struct output *output, const struct base_diagnostic *diagnostic)
{
    const struct base_place *place = &diagnostic->place;
    if (place->source != NULL) {
        put(output, place->source->name);
        put(output, ":");
        if (place->line > 0) {
            put_number(output, "%u:", place->line);
            put_number(output, "%u:", place->column);
        }
        put(output, " ");
    }
    put(output, diagnostic->severity == BASE_ERROR ? "error: " : "warning: ");
    put(output, diagnostic->message);
    put(output, "\n");
}

size_t base_diagnostic_format(const struct base_diagnostic *diagnostic, char *text, size_t bytes)
{
    struct output output = {.text = text, .bytes = bytes};
    put_heading(&output, diagnostic);
    if (diagnostic->place.source != NULL && diagnostic->place.line > 0)
        put_source_line(&output, &diagnostic->place);
    if (diagnostic->hint[0] != '\0') {
        put(&output, "      = ");
        put(&output, diagnostic->hint);
        put(&output, "\n");
    }
    if (bytes > 0)
        text[output.length < bytes ? output.length : bytes - 1] = '\0';
    return output.length;
}

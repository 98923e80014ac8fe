/* Build tool: turns SQL files into C, so that the program needs no files beside it.
 *
 *   embed OUTPUT schema.sql views.sql indexes.sql queries/NAME.sql...
 *
 * The first three become trace_schema_sql, trace_views_sql and trace_indexes_sql; each query's front comment is read
 * into its struct trace_query (traces/query.h has the form). A comment that does not keep to the form stops the build. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 65536
#define ITEM_MAX 16

static const char *file_name;
static unsigned line_number;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s:%u: error: %s\n", file_name, line_number, what);
    exit(1);
}

static void read_text(const char *path, char *text)
{
    file_name = path;
    line_number = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        fail(strerror(errno));
    size_t length = fread(text, 1, TEXT_BYTES, file);
    if (ferror(file) || length == TEXT_BYTES)
        fail("cannot be read, or is larger than 64 KiB");
    text[length] = '\0';
    fclose(file);
}

static void put_literal(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            fputs("\\n\"\n    \"", out);
        else if (text[i] == '"' || text[i] == '\\')
            fprintf(out, "\\%c", text[i]);
        else
            fputc(text[i], out);
    }
    fputc('"', out);
}

static void put_file(FILE *out, const char *symbol, const char *path)
{
    static char text[TEXT_BYTES];
    read_text(path, text);
    fprintf(out, "const char %s[] =\n    ", symbol);
    put_literal(out, text, strlen(text));
    fputs(";\n\n", out);
}

struct span {
    const char *at;
    size_t length;
};

struct item { /* a parameter: name (type, default): about; a column: name (unit): about */
    struct span name, first, second, about;
};

struct front {
    struct span purpose, example;
    struct item parameters[ITEM_MAX], columns[ITEM_MAX];
    unsigned parameter_count, column_count;
};

static struct span until(struct span text, const char *end)
{
    const char *found = memmem(text.at, text.length, end, strlen(end));
    if (!found)
        fail("expected `name (...): sentence`");
    return (struct span) {text.at, (size_t) (found - text.at)};
}

static struct span after(struct span text, struct span head, size_t skipped)
{
    return (struct span) {head.at + head.length + skipped, text.length - head.length - skipped};
}

static void read_item(struct span text, struct item *item, bool has_default)
{
    item->name = until(text, " (");
    struct span rest = after(text, item->name, 2);
    item->first = until(rest, "): ");
    item->about = after(rest, item->first, 3);
    const char *comma = has_default ? memchr(item->first.at, ',', item->first.length) : NULL;
    if (!comma)
        return;
    size_t type_length = (size_t) (comma - item->first.at);
    if (type_length + 2 > item->first.length)
        fail("the default is missing after the comma");
    item->second = (struct span) {comma + 2, item->first.length - type_length - 2};
    item->first.length = type_length;
}

static bool starts(struct span text, const char *word)
{
    return text.length >= strlen(word) && memcmp(text.at, word, strlen(word)) == 0;
}

static void add_item(struct item *items, unsigned *count, struct span text, bool has_default)
{
    if (text.length == 4 && starts(text, "none"))
        return;
    if (*count == ITEM_MAX)
        fail("too many parameters or columns");
    read_item(text, &items[(*count)++], has_default);
}

/* One line of the front comment, without its "-- "; what began earlier ("parameters:") goes on until the next. */
static void read_line(struct span text, struct front *front, int *section)
{
    static const char *const heads[] = {"parameters: ", "columns: ", "example: "};
    if (line_number == 1) {
        front->purpose = text;
        return;
    }
    for (int i = 0; i < 3; i++)
        if (starts(text, heads[i])) {
            *section = i;
            text.at += strlen(heads[i]);
            text.length -= strlen(heads[i]);
            break;
        }
    if (*section == 0)
        add_item(front->parameters, &front->parameter_count, text, true);
    else if (*section == 1)
        add_item(front->columns, &front->column_count, text, false);
    else if (*section == 2)
        front->example = text;
    else
        fail("expected `-- parameters: ...`");
}

static const char *read_front(const char *text, struct front *front)
{
    int section = -1;
    for (line_number = 1; strncmp(text, "-- ", 3) == 0; line_number++) {
        const char *end = strchr(text, '\n');
        if (!end)
            fail("there is no SQL after the comment");
        struct span line = {text + 3, (size_t) (end - text) - 3};
        while (line.length && *line.at == ' ')
            line.at++, line.length--;
        read_line(line, front, &section);
        text = end + 1;
    }
    if (!front->purpose.length || !front->example.length || !front->column_count)
        fail("the front comment lacks its purpose, columns or example");
    return text;
}

static void put_item(FILE *out, const struct item *item, bool parameter)
{
    fputs("    {", out);
    put_literal(out, item->name.at, item->name.length);
    fputs(", ", out);
    if (!parameter && item->first.length == 1 && *item->first.at == '-')
        fputs("\"\"", out); /* (-): no unit */
    else
        put_literal(out, item->first.at, item->first.length);
    fputs(", ", out);
    if (parameter && !item->second.length)
        fputs("NULL, ", out);
    else if (parameter) {
        put_literal(out, item->second.at, item->second.length);
        fputs(", ", out);
    }
    put_literal(out, item->about.at, item->about.length);
    fputs("},\n", out);
}

static void put_items(FILE *out, unsigned query, const struct item *items, unsigned count, bool parameter)
{
    const char *what = parameter ? "parameter" : "column";
    if (!count)
        return;
    fprintf(out, "static const struct trace_query_%s %ss_%u[] = {\n", what, what, query);
    for (unsigned i = 0; i < count; i++)
        put_item(out, &items[i], parameter);
    fputs("};\n", out);
}

static void put_reference(FILE *out, unsigned query, unsigned count, const char *what)
{
    if (count)
        fprintf(out, "    .%ss = %ss_%u, .%s_count = %u,\n", what, what, query, what, count);
}

static void put_query(FILE *out, unsigned query, const char *path)
{
    static char text[TEXT_BYTES];
    read_text(path, text);
    struct front front = {0};
    const char *sql = read_front(text, &front);
    put_items(out, query, front.parameters, front.parameter_count, true);
    put_items(out, query, front.columns, front.column_count, false);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    fprintf(out, "static const struct trace_query query_%u = {\n    .name = \"%.*s\",\n    .purpose = ", query,
            (int) (strlen(name) - strlen(".sql")), name);
    put_literal(out, front.purpose.at, front.purpose.length);
    fputs(",\n    .example = ", out);
    put_literal(out, front.example.at, front.example.length);
    fputs(",\n", out);
    put_reference(out, query, front.parameter_count, "parameter");
    put_reference(out, query, front.column_count, "column");
    fputs("    .sql =\n    ", out);
    put_literal(out, sql, strlen(sql));
    fputs(",\n};\n\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "embed OUTPUT schema.sql views.sql indexes.sql queries/NAME.sql...\n");
        return 2;
    }
    FILE *out = fopen(argv[1], "w");
    if (!out) {
        perror(argv[1]);
        return 1;
    }
    fputs("/* Made by traces/embed/embed.c. */\n#include \"traces/query.h\"\n#include \"traces/sql.h\"\n\n", out);
    put_file(out, "trace_schema_sql", argv[2]);
    put_file(out, "trace_views_sql", argv[3]);
    put_file(out, "trace_indexes_sql", argv[4]);
    for (int i = 5; i < argc; i++)
        put_query(out, (unsigned) i - 5, argv[i]);
    fputs("const struct trace_query *const trace_queries[] = {", out);
    for (int i = 5; i < argc; i++)
        fprintf(out, "&query_%d, ", i - 5);
    fputs("NULL};\n", out);
    return fclose(out) == 0 ? 0 : 1;
}

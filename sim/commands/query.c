/* peerlab query: answers from a trace, as a table, CSV or JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "traces/query.h"

/* Where the rows of an answer go. */
struct answer {
    const struct trace_query *query; /* NULL: plain SQL */
    struct print_table *table;
    char **names;
    uint32_t column_count;
    uint64_t row_count;
};

struct format {
    const char *name;
    void (*header)(void *answer, uint32_t column_count, const char *const *names);
    int (*row)(void *answer, uint32_t column_count, const struct trace_value *values);
    void (*end)(struct answer *answer);
};

/* --- table --- */

/* Whether one of the name's pieces between _ is the unit already: latency_ms_p50. */
static bool names_unit(const char *name, const char *unit)
{
    for (size_t length; *name; name += length + (name[length] == '_')) {
        length = strcspn(name, "_");
        if (strlen(unit) == length && memcmp(name, unit, length) == 0)
            return true;
    }
    return false;
}

static const char *unit_of(const struct trace_query *query, const char *name)
{
    for (uint32_t i = 0; query && i < query->column_count; i++) {
        const struct trace_query_column *column = &query->columns[i];
        if (strcmp(column->name, name) == 0 && strcmp(column->unit, "-") != 0 && !names_unit(name, column->unit))
            return column->unit;
    }
    return "";
}

static void table_header(void *context, uint32_t column_count, const char *const *names)
{
    struct answer *answer = context;
    struct print_column *columns = calloc(column_count + 1, sizeof *columns);
    base_assert(columns);
    for (uint32_t i = 0; i < column_count; i++)
        columns[i] = (struct print_column){names[i], unit_of(answer->query, names[i])};
    answer->table = print_table_create(columns, column_count);
    free(columns);
}

static int table_row(void *context, uint32_t column_count, const struct trace_value *values)
{
    struct answer *answer = context;
    struct print_cell *cells = calloc(column_count + 1, sizeof *cells);
    base_assert(cells);
    for (uint32_t i = 0; i < column_count; i++)
        cells[i] = (struct print_cell){values[i].type == TRACE_NULL ? NULL : values[i].text,
                                       values[i].type == TRACE_INTEGER || values[i].type == TRACE_REAL};
    print_table_row(answer->table, cells);
    free(cells);
    return !print_good();
}

static void table_end(struct answer *answer)
{
    if (answer->table)
        print_table_finish(answer->table);
}

/* --- CSV, RFC 4180 --- */

static void put_csv(const char *text, bool last)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, stdout);
    } else {
        putchar('"');
        for (; *text; text++)
            *text == '"' ? (void) fputs("\"\"", stdout) : (void) putchar(*text);
        putchar('"');
    }
    fputs(last ? "\r\n" : ",", stdout);
}

static void csv_header(void *context, uint32_t column_count, const char *const *names)
{
    (void) context;
    for (uint32_t i = 0; i < column_count; i++)
        put_csv(names[i], i + 1 == column_count);
}

static int csv_row(void *context, uint32_t column_count, const struct trace_value *values)
{
    (void) context;
    for (uint32_t i = 0; i < column_count; i++)
        put_csv(values[i].type == TRACE_NULL ? "" : values[i].text, i + 1 == column_count);
    return !print_good();
}

static void csv_end(struct answer *answer)
{
    (void) answer;
}

/* --- JSON: an array of objects --- */

static void json_header(void *context, uint32_t column_count, const char *const *names)
{
    struct answer *answer = context;
    answer->column_count = column_count;
    answer->names = calloc(column_count + 1, sizeof *answer->names);
    base_assert(answer->names);
    for (uint32_t i = 0; i < column_count; i++)
        answer->names[i] = strdup(names[i]);
    putchar('[');
}

static void put_value(const struct trace_value *value)
{
    switch (value->type) {
    case TRACE_NULL: fputs("null", stdout); break;
    case TRACE_INTEGER: printf("%" PRId64, value->integer); break;
    case TRACE_REAL: base_json_put_real(stdout, value->real); break;
    case TRACE_TEXT: base_json_put_text(stdout, value->text); break;
    }
}

static int json_row(void *context, uint32_t column_count, const struct trace_value *values)
{
    struct answer *answer = context;
    fputs(answer->row_count++ ? ",\n " : "\n ", stdout);
    for (uint32_t i = 0; i < column_count; i++) {
        fputs(i ? "," : "{", stdout);
        base_json_put_text(stdout, answer->names[i]);
        putchar(':');
        put_value(&values[i]);
    }
    putchar('}');
    return !print_good();
}

static void json_end(struct answer *answer)
{
    if (answer->names)
        fputs(answer->row_count ? "\n]\n" : "]\n", stdout);
    for (uint32_t i = 0; i < answer->column_count; i++)
        free(answer->names[i]);
    free(answer->names);
}

static const struct format formats[] = {
    {"table", table_header, table_row, table_end},
    {"csv", csv_header, csv_row, csv_end},
    {"json", json_header, json_row, json_end},
};

static const struct format *find_format(const struct arguments *arguments)
{
    const char *name = arguments_value(arguments, "format");
    if (!name)
        name = arguments_has(arguments, "json") ? "json" : "table";
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    command_refuse(arguments->command, "--format %s: it is table, csv or json", name);
    return NULL;
}

/* The queries there are, through the same formats as an answer, but that sentences are not cut. */
static void list_queries(const struct format *format)
{
    for (uint32_t i = 0; trace_queries[i] && format == &formats[0]; i++)
        print_term(trace_queries[i]->name, 22, trace_queries[i]->purpose);
    if (format == &formats[0])
        return;
    static const char *const names[] = {"query", "answers"};
    struct answer answer = {0};
    format->header(&answer, 2, names);
    for (uint32_t i = 0; trace_queries[i]; i++)
        format->row(&answer, 2, (struct trace_value[]){{.type = TRACE_TEXT, .text = trace_queries[i]->name},
                                                       {.type = TRACE_TEXT, .text = trace_queries[i]->purpose}});
    format->end(&answer);
}

static int ask(const struct arguments *arguments, const struct format *format, struct trace_reader *reader)
{
    struct base_diagnostics diagnostics = {0};
    struct answer answer = {.query = trace_query_find(arguments->operands[1])};
    struct trace_rows rows = {.context = &answer, .header = format->header, .row = format->row};
    int error = trace_query_run(reader, arguments->operands[1], arguments->operands + 2, arguments->operand_count - 2,
                                &rows, &diagnostics);
    format->end(&answer);
    fflush(stdout);
    print_diagnostics(&diagnostics);
    return error < 0 ? command_status(error) : EXIT_GOOD;
}

static int run_query(const struct arguments *arguments)
{
    const struct format *format = find_format(arguments);
    if (!format)
        return EXIT_INPUT;
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *reader = NULL;
    int error = trace_reader_open(&reader, arguments->operands[0], &diagnostics);
    print_diagnostics(&diagnostics);
    if (error)
        return command_status(error);
    int status = EXIT_GOOD;
    if (arguments->operand_count == 1)
        list_queries(format);
    else
        status = ask(arguments, format, reader);
    trace_reader_close(reader);
    return status;
}

/* A row of the help: "  NAME  SENTENCE, MORE". */
static void help_row(const char *name, const char *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void help_row(const char *name, const char *about, const char *format, ...)
{
    char left[64], more[64], text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(more, sizeof more, format, values);
    va_end(values);
    snprintf(left, sizeof left, "  %s", name);
    snprintf(text, sizeof text, "%s%s", about, more);
    print_term(left, 23, text);
}

static void help_parameters(const struct trace_query *query)
{
    puts("\nparameters, as KEY=VALUE:");
    for (uint32_t i = 0; i < query->parameter_count; i++) {
        const struct trace_query_parameter *parameter = &query->parameters[i];
        help_row(parameter->name, parameter->about, ", %s%s%s", parameter->type,
                 parameter->default_text ? ", default " : ", required",
                 parameter->default_text ? parameter->default_text : "");
    }
    if (!query->parameter_count)
        puts("  none");
}

static int help_query(const struct arguments *arguments)
{
    const char *name = arguments->operands[arguments->operand_count > 1];
    const struct trace_query *query = trace_query_find(name);
    if (!query) {
        command_help(arguments->command);
        return EXIT_GOOD;
    }
    printf("%s\n\n", query->name);
    print_paragraph(query->purpose);
    help_parameters(query);
    puts("\ncolumns:");
    for (uint32_t i = 0; i < query->column_count; i++) {
        const struct trace_query_column *column = &query->columns[i];
        bool unit = column->unit[0] && strcmp(column->unit, "-") != 0;
        help_row(column->name, column->about, "%s%s", unit ? ", " : "", unit ? column->unit : "");
    }
    printf("\nexample:\n  %s\n", query->example);
    return EXIT_GOOD;
}

static const struct command_option options[] = {
    {"format", 0, "FORMAT", "table, csv (RFC 4180) or json (an array of objects)"},
    {"json", 0, NULL, "the same as --format json"},
};

const struct command query_command = {
    .name = "query",
    .operands = "TRACE.db [NAME [KEY=VALUE]... | SQL]",
    .summary = "answers questions from a trace: named ones, or SQL",
    .about = "Without NAME: lists the named queries; peerlab query TRACE.db NAME --help shows one's\n"
             "parameters and columns. SQL is read-only; the tables are those of traces/schema.sql.\n"
             "Works while the run goes on.",
    .examples = "peerlab query trace.db\n"
                "peerlab query trace.db fault-impact\n"
                "peerlab query trace.db fault-impact window_s=60 --format csv\n"
                "peerlab query trace.db 'SELECT kind, count(*) FROM message GROUP BY 1' --json",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = UINT32_MAX,
    .help = help_query,
    .run = run_query,
};

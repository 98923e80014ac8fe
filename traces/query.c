#include "traces/query.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reactor/base/assert.h"
#include "traces/reader.h"

const struct trace_query *trace_query_find(const char *name)
{
    for (const struct trace_query *const *query = trace_queries; *query; query++)
        if (strcmp((*query)->name, name) == 0)
            return *query;
    return NULL;
}

/* ---- refusing to write ---- */

static bool reads_only(const char *pragma)
{
    static const char *const allowed[] = {"table_info", "table_xinfo", "table_list", "index_list", "index_info",
                                          "index_xinfo", "user_version", "application_id", "compile_options"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strcasecmp(pragma, allowed[i]) == 0)
            return true;
    return false;
}

/* The file is opened read-only and a statement must be one that only reads (sqlite3_stmt_readonly); this keeps SQL from
 * what counts as reading and yet reaches other files or changes the connection. */
static int authorize(void *context, int action, const char *first, const char *second, const char *database,
                     const char *view)
{
    (void) context, (void) database, (void) view;
    switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: return SQLITE_DENY;
    case SQLITE_FUNCTION: return strcasecmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA: return reads_only(first) ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_OK;
    }
}

/* ---- arguments ---- */

struct argument {
    const char *value;
    char name[64]; /* ":key" */
};

static const char *parameter_name_at(const void *context, size_t i)
{
    return ((const struct trace_query *) context)->parameters[i].name;
}

static const char *query_name_at(const void *context, size_t i)
{
    (void) context;
    return trace_queries[i]->name;
}

static size_t query_count(void)
{
    size_t count = 0;
    while (trace_queries[count])
        count++;
    return count;
}

static int split_argument(const char *text, struct argument *argument, struct base_diagnostics *diagnostics)
{
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t) (equals - text) : 0;
    if (!length || length + 2 > sizeof argument->name) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, NULL, "`%s`: expected KEY=VALUE", text);
        return -EINVAL;
    }
    argument->name[0] = ':';
    memcpy(argument->name + 1, text, length);
    argument->name[length + 1] = '\0';
    argument->value = equals + 1;
    return 0;
}

static bool is_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return *text && !*end && !errno && !isspace((unsigned char) *text);
}

static bool is_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *text && !*end && !isspace((unsigned char) *text);
}

/* The types of named queries' parameters; exists: asks for what the value names. */
static const struct value_type {
    const char *name;
    bool text, integer, positive;
    const char *exists;
} value_types[] = {
    {"number", .exists = NULL},
    {"number > 0", .positive = true},
    {"integer", .integer = true},
    {"integer > 0", .integer = true, .positive = true},
    {"text", .text = true},
    {"peer", .text = true, .exists = "SELECT 1 FROM peer WHERE name = ?1 OR peer = ?1"},
    {"lookup", .integer = true, .exists = "SELECT 1 FROM lookup WHERE id = ?1"},
    {"broadcast", .integer = true, .exists = "SELECT 1 FROM broadcast WHERE id = ?1"},
};

static const struct value_type *value_type_named(const char *name)
{
    for (size_t i = 0; i < sizeof value_types / sizeof *value_types; i++)
        if (strcmp(value_types[i].name, name) == 0)
            return &value_types[i];
    base_never("a query's front comment names a type that there is not");
}

/* Plain SQL: whatever the value reads as. */
static void bind_any(sqlite3_stmt *statement, int index, const char *value)
{
    int64_t integer;
    double real;
    if (is_integer(value, &integer))
        sqlite3_bind_int64(statement, index, integer);
    else if (is_number(value, &real))
        sqlite3_bind_double(statement, index, real);
    else
        sqlite3_bind_text(statement, index, value, -1, SQLITE_TRANSIENT);
}

static bool bind(sqlite3_stmt *statement, int index, const struct value_type *type, const char *value)
{
    int64_t integer;
    double real;
    if (type->text)
        sqlite3_bind_text(statement, index, value, -1, SQLITE_TRANSIENT);
    else if (is_integer(value, &integer) && (!type->positive || integer > 0))
        sqlite3_bind_int64(statement, index, integer);
    else if (!type->integer && is_number(value, &real) && isfinite(real) && (!type->positive || real > 0))
        sqlite3_bind_double(statement, index, real);
    else
        return false;
    return true;
}

/* 0; 1: the value names nothing in the trace; or -errno. */
static int is_missing(sqlite3 *database, const struct value_type *type, const char *value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database, type->exists, -1, &statement, NULL);
    if (code == SQLITE_OK && bind(statement, 1, type, value))
        code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? 1 : -EIO;
}

static const struct trace_query_parameter *parameter_named(const struct trace_query *query, const char *name)
{
    for (uint32_t i = 0; i < query->parameter_count; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return &query->parameters[i];
    return NULL;
}

static int refuse_unknown(const struct trace_query *query, const char *name, struct base_diagnostics *diagnostics)
{
    const char *near = query ? base_nearest_name(name, query->parameter_count, parameter_name_at, query) : NULL;
    base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, near, "%s%s has no parameter `%s`",
                  query ? "the query " : "the SQL", query ? query->name : "", name);
    return -EINVAL;
}

/* Binds the value of a named query's parameter. */
static int bind_parameter(sqlite3_stmt *statement, int index, const struct trace_query_parameter *parameter,
                          const char *value, struct base_diagnostics *diagnostics)
{
    const struct value_type *type = value_type_named(parameter->type);
    struct base_place nowhere = {0};
    if (!bind(statement, index, type, value)) {
        const char *name = type->exists ? "number" : type->name;
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "%s: `%s` is not %s %s", parameter->name, value,
                      *name == 'i' ? "an" : "a", name);
        return -EINVAL;
    }
    int missing = type->exists ? is_missing(sqlite3_db_handle(statement), type, value) : 0;
    if (missing == 0)
        return 0;
    base_diagnose(diagnostics, BASE_ERROR, nowhere, parameter->about, "%s: the trace has no %s `%s`", parameter->name,
                  type->name, value);
    return missing < 0 ? missing : -EINVAL;
}

static bool is_given(const char *name, const char *const *arguments, uint32_t count)
{
    size_t length = strlen(name);
    for (uint32_t i = 0; i < count; i++)
        if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=')
            return true;
    return false;
}

/* The argument at position; those before it are bound. */
static int bind_argument(sqlite3_stmt *statement, const struct trace_query *query, const char *const *arguments,
                         uint32_t position, struct base_diagnostics *diagnostics)
{
    struct argument argument;
    int error = split_argument(arguments[position], &argument, diagnostics);
    if (error)
        return error;
    const char *name = argument.name + 1;
    const struct trace_query_parameter *parameter = query ? parameter_named(query, name) : NULL;
    int index = sqlite3_bind_parameter_index(statement, argument.name);
    if (!index || (query && !parameter))
        return refuse_unknown(query, name, diagnostics);
    if (is_given(name, arguments, position)) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, NULL, "%s is given twice", name);
        return -EINVAL;
    }
    if (parameter)
        return bind_parameter(statement, index, parameter, argument.value, diagnostics);
    bind_any(statement, index, argument.value);
    return 0;
}

static int bind_all(sqlite3_stmt *statement, const struct trace_query *query, const char *const *arguments,
                    uint32_t argument_count, struct base_diagnostics *diagnostics)
{
    for (uint32_t i = 0; i < argument_count; i++) {
        int error = bind_argument(statement, query, arguments, i, diagnostics);
        if (error)
            return error;
    }
    for (uint32_t i = 0; query && i < query->parameter_count; i++) {
        const struct trace_query_parameter *parameter = &query->parameters[i];
        if (parameter->default_text || is_given(parameter->name, arguments, argument_count))
            continue; /* the SQL itself holds the default, so that the stock shell can run it too */
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, query->example, "the query %s needs %s=... (%s)",
                      query->name, parameter->name, parameter->about);
        return -EINVAL;
    }
    return 0;
}

/* ---- running ---- */

static struct trace_value value_of(sqlite3_stmt *statement, int column)
{
    static const enum trace_value_type types[] = {
        [SQLITE_INTEGER] = TRACE_INTEGER, [SQLITE_FLOAT] = TRACE_REAL, [SQLITE_TEXT] = TRACE_TEXT,
        [SQLITE_BLOB] = TRACE_TEXT, [SQLITE_NULL] = TRACE_NULL};
    struct trace_value value = {.type = types[sqlite3_column_type(statement, column)]};
    value.integer = sqlite3_column_int64(statement, column);
    value.real = sqlite3_column_double(statement, column);
    const char *text = (const char *) sqlite3_column_text(statement, column);
    value.text = text ? text : "";
    return value;
}

static int step_rows(struct trace_reader *reader, sqlite3_stmt *statement, const struct trace_rows *rows,
                     struct base_diagnostics *diagnostics)
{
    int count = sqlite3_column_count(statement), code;
    const char **names = malloc(((size_t) count + 1) * sizeof *names);
    struct trace_value *values = malloc(((size_t) count + 1) * sizeof *values);
    int error = names && values ? 0 : -ENOMEM;
    for (int i = 0; !error && i < count; i++)
        names[i] = sqlite3_column_name(statement, i);
    if (!error)
        rows->header(rows->context, (uint32_t) count, names);
    while (!error && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            error = trace_reader_diagnose(reader, &reader->sql, diagnostics);
            break;
        }
        for (int i = 0; i < count; i++)
            values[i] = value_of(statement, i);
        if (rows->row(rows->context, (uint32_t) count, values))
            break;
    }
    free(values);
    free(names);
    return error;
}

/* The name of no query, or SQL: whoever means SQL writes more than one word. */
static int refuse_name(const char *name, struct base_diagnostics *diagnostics)
{
    const char *near = base_nearest_name(name, query_count(), query_name_at, NULL);
    base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, near, "there is no query `%s`", name);
    return -EINVAL;
}

static int keep_sql(struct trace_reader *reader, const char *name, const char *sql)
{
    free((char *) (uintptr_t) reader->sql.text);
    reader->sql = (struct base_source) {.name = name, .text = strdup(sql), .length = strlen(sql)};
    return reader->sql.text ? 0 : -ENOMEM;
}

/* More than one statement: what stands behind the first is neither blank nor a comment. */
static bool has_more(sqlite3 *database, const char *tail)
{
    sqlite3_stmt *statement = NULL;
    bool more = sqlite3_prepare_v2(database, tail, -1, &statement, NULL) != SQLITE_OK || statement;
    sqlite3_finalize(statement);
    return more;
}

static int prepare(struct trace_reader *reader, sqlite3_stmt **statement, struct base_diagnostics *diagnostics)
{
    const char *tail;
    struct base_place place = {.source = &reader->sql};
    sqlite3_set_authorizer(reader->database, authorize, NULL);
    int code = sqlite3_prepare_v2(reader->database, reader->sql.text, (int) reader->sql.length, statement, &tail);
    bool writes = code == SQLITE_AUTH || (*statement && !sqlite3_stmt_readonly(*statement));
    int error = writes ? -EPERM : code == SQLITE_OK ? 0 : 1;
    if (writes)
        base_diagnose(diagnostics, BASE_ERROR, place, NULL, "a trace is only read: this would do more than that");
    else if (error)
        error = trace_reader_diagnose(reader, &reader->sql, diagnostics);
    else if (!*statement || has_more(reader->database, tail)) {
        base_diagnose(diagnostics, BASE_ERROR, place, NULL, "expected one statement");
        error = -EINVAL;
    }
    sqlite3_set_authorizer(reader->database, NULL, NULL);
    return error;
}

int trace_query_run(struct trace_reader *reader, const char *name_or_sql, const char *const *arguments,
                    uint32_t argument_count, const struct trace_rows *rows, struct base_diagnostics *diagnostics)
{
    const struct trace_query *query = trace_query_find(name_or_sql);
    if (!query && !strpbrk(name_or_sql, " \t\n;(*"))
        return refuse_name(name_or_sql, diagnostics);
    int error = keep_sql(reader, query ? query->name : "SQL", query ? query->sql : name_or_sql);
    sqlite3_stmt *statement = NULL;
    if (!error)
        error = prepare(reader, &statement, diagnostics);
    if (!error)
        error = bind_all(statement, query, arguments, argument_count, diagnostics);
    if (!error)
        error = step_rows(reader, statement, rows, diagnostics);
    sqlite3_finalize(statement);
    return error;
}

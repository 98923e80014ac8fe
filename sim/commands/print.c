#include "sim/commands/print.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/base/utf8.h"

const char *print_count(char *text, uint64_t value)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *at = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

const char *print_real(char *text, double value)
{
    double size = value < 0 ? -value : value;
    if (size >= 999.5 && size < 1e15) {
        text[0] = '-';
        print_count(text + (value < 0), (uint64_t) (size + 0.5));
    } else {
        snprintf(text, PRINT_NUMBER_BYTES, "%.3g", value);
    }
    return text;
}

const char *print_share(char *text, double ratio)
{
    for (int decimals = ratio > 0 && ratio < 0.001 ? 3 : 1; decimals < 7; decimals++) {
        snprintf(text, PRINT_NUMBER_BYTES, "%.*f %%", decimals, 100 * ratio);
        if (ratio >= 1 || strtod(text, NULL) < 100) /* "100.0 %" of 0.9999 would be a lie */
            break;
    }
    return text;
}

/* value with the unit that leaves 1 to 999 before the point. */
static const char *scaled(char *text, double value, double step, const char *const *units, uint32_t unit_count)
{
    uint32_t unit = 0;
    for (; value >= 999.5 && unit + 1 < unit_count; unit++)
        value /= step;
    snprintf(text, PRINT_NUMBER_BYTES, value < 10 && unit ? "%.2f %s" : value < 100 && unit ? "%.1f %s" : "%.0f %s",
             value, units[unit]);
    return text;
}

const char *print_bytes(char *text, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    return scaled(text, (double) bytes, 1024, units, sizeof units / sizeof *units);
}

const char *print_rate(char *text, double per_s)
{
    static const char *const units[] = {"/s", "k/s", "M/s", "G/s"};
    return scaled(text, per_s, 1000, units, sizeof units / sizeof *units);
}

const char *print_span(char *text, uint64_t span_ns)
{
    static const char *const units[] = {"ns", "us", "ms"};
    uint64_t seconds = span_ns / 1000000000;
    if (span_ns < 999500000)
        scaled(text, (double) span_ns, 1000, units, sizeof units / sizeof *units);
    else if (span_ns < 60000000000)
        snprintf(text, PRINT_NUMBER_BYTES, "%.3g s", (double) span_ns / 1e9);
    else if (seconds < 3600)
        snprintf(text, PRINT_NUMBER_BYTES, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    else
        snprintf(text, PRINT_NUMBER_BYTES, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
    return text;
}

const char *print_instant(char *text, uint64_t at_ns)
{
    uint64_t seconds = at_ns / 1000000000;
    int length = snprintf(text, PRINT_NUMBER_BYTES, "%" PRIu64 ":%02u:%02u", seconds / 3600,
                          (unsigned) (seconds / 60 % 60), (unsigned) (seconds % 60));
    uint32_t rest_ns = (uint32_t) (at_ns % 1000000000);
    if (!rest_ns)
        return text;
    length += snprintf(text + length, PRINT_NUMBER_BYTES - (size_t) length, ".%09" PRIu32, rest_ns);
    while (text[length - 1] == '0')
        text[--length] = '\0';
    return text;
}

void print_clean(FILE *out, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0, bytes; i < length; i += bytes) {
        uint32_t character;
        bytes = base_utf8_read(text + i, length - i, &character);
        if (bytes == 0) {
            fputc('?', out);
            bytes = 1;
        } else if (character == '\n' || character == '\t') {
            fputs(character == '\n' ? "\\n" : "\\t", out);
        } else if (character < ' ' || (character >= 0x7f && character < 0xa0)) {
            fprintf(out, "\\x%02x", (unsigned) character);
        } else {
            fwrite(text + i, 1, bytes, out);
        }
    }
}

bool print_coloured(FILE *out)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(out)) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void print_in(enum print_colour colour, const char *format, ...)
{
    static const char *const codes[] = {"", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[33m"};
    bool coloured = colour != PRINT_PLAIN && print_coloured(stdout);
    if (coloured)
        fputs(codes[colour], stdout);
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    if (coloured)
        fputs("\x1b[0m", stdout);
}

uint32_t print_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Text from column `indent` on, broken at blanks and newlines to fit, its further lines begun at the same column. */
static void put_wrapped(uint32_t indent, const char *text)
{
    static const char blanks[] = " \n";
    for (uint32_t column = indent; *text; text += strspn(text, blanks)) {
        size_t length = strcspn(text, blanks);
        bool breaks = column > indent && column + 1 + length > PRINT_COLUMNS;
        if (breaks)
            printf("\n%*s", (int) indent, "");
        else if (column > indent)
            putchar(' ');
        column = (breaks ? indent : column + (column > indent)) + (uint32_t) length;
        printf("%.*s", (int) length, text);
        text += length;
    }
    putchar('\n');
}

void print_paragraph(const char *text)
{
    put_wrapped(0, text);
}

void print_term(const char *name, uint32_t indent, const char *text)
{
    print_in(PRINT_BOLD, "%-*s", (int) indent - 2, name);
    fputs("  ", stdout);
    put_wrapped(indent, text);
}

void print_diagnostics(const struct base_diagnostics *diagnostics)
{
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        size_t bytes = base_diagnostic_format(&diagnostics->items[i], NULL, 0) + 1;
        char *text = malloc(bytes);
        base_assert(text);
        base_diagnostic_format(&diagnostics->items[i], text, bytes);
        fputs(text, stderr);
        free(text);
    }
    uint32_t seen = diagnostics->error_count + diagnostics->warning_count;
    if (seen > diagnostics->count)
        fprintf(stderr, "... and %" PRIu32 " more\n", seen - diagnostics->count);
}

bool print_good(void)
{
    return !ferror(stdout);
}

bool print_finish(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && print_good())
        return true;
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    bool reader_left = errno == EPIPE || (poll(&out, 1, 0) == 1 && out.revents & POLLERR);
    if (!reader_left)
        fprintf(stderr, "peerlab: the standard output cannot be written%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
    return false;
}

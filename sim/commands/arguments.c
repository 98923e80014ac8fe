/* Command lines, taken apart by the tables of commands. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/diagnostic.h"
#include "sim/commands/command.h"
#include "sim/commands/print.h"

static const struct command_option help_option = {"help", 'h', NULL, "this"};

static const struct command_option *option_at(const struct command *command, size_t i)
{
    return i < command->option_count ? &command->options[i] : &help_option;
}

static const char *option_name_at(const void *command, size_t i)
{
    return option_at(command, i)->name;
}

static const struct command_option *find_long(const struct command *command, const char *name, size_t length)
{
    for (size_t i = 0; i <= command->option_count; i++) {
        const struct command_option *option = option_at(command, i);
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static const struct command_option *find_letter(const struct command *command, char letter)
{
    for (size_t i = 0; i <= command->option_count; i++)
        if (option_at(command, i)->letter == letter)
            return option_at(command, i);
    return NULL;
}

static int unknown_option(const struct command *command, const char *word)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int) strcspn(word + strspn(word, "-"), "="), word + strspn(word, "-"));
    const char *nearest = base_nearest_name(name, command->option_count + 1, option_name_at, command);
    if (nearest)
        return command_refuse(command, "unknown option %s; did you mean --%s?", word, nearest);
    return command_refuse(command, "unknown option %s; see peerlab %s --help", word, command->name);
}

struct words {
    char **argv;
    int argc, at;
};

/* One option: its row, and its value from behind the =, from the rest of -oFILE, or from the next word. */
static int parse_option(const struct command *command, struct words *words, struct command_given *given)
{
    const char *word = words->argv[words->at++], *value = NULL;
    bool is_long = word[1] == '-';
    if (is_long) {
        const char *equals = strchr(word, '=');
        given->option = find_long(command, word + 2, equals ? (size_t) (equals - word - 2) : strlen(word + 2));
        value = equals ? equals + 1 : NULL;
    } else {
        given->option = find_letter(command, word[1]);
        value = word[2] ? word + 2 : NULL;
    }
    if (!given->option || (!is_long && value && !given->option->argument))
        return unknown_option(command, word);
    if (value && !given->option->argument)
        return command_refuse(command, "--%s takes no value", given->option->name);
    if (given->option->argument && !value && words->at < words->argc)
        value = words->argv[words->at++];
    given->value = value;
    if (given->option->argument && !value)
        return command_refuse(command, "%s needs a value: %s", word, given->option->argument);
    return 0;
}

static bool needs_quotes(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
    return !*word || word[strspn(word, plain)];
}

/* The words as a shell takes them again; caller frees. */
static char *shell_line(int argc, char **argv)
{
    char *line = NULL;
    size_t bytes;
    FILE *out = open_memstream(&line, &bytes);
    base_assert(out);
    fputs("peerlab", out);
    for (int i = 0; i < argc; i++) {
        fputc(' ', out);
        if (!needs_quotes(argv[i])) {
            fputs(argv[i], out);
            continue;
        }
        fputc('\'', out);
        for (const char *at = argv[i]; *at; at++)
            *at == '\'' ? (void) fputs("'\\''", out) : (void) fputc(*at, out);
        fputc('\'', out);
    }
    fclose(out);
    return line;
}

static int check_operands(const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    if (arguments->help)
        return 0;
    if (arguments->operand_count < command->operands_min)
        return command_refuse(command, "what is missing: peerlab %s %s", command->name, command->operands);
    if (arguments->operand_count > command->operands_max)
        return command_refuse(command, "one word too many: %s", arguments->operands[command->operands_max]);
    return 0;
}

int arguments_parse(struct arguments *arguments, const struct command *command, int argc, char **argv)
{
    const char **operands = calloc((size_t) argc + 1, sizeof *operands);
    struct command_given *given = calloc((size_t) argc + 1, sizeof *given);
    base_assert(operands && given);
    *arguments = (struct arguments){.command = command, .operands = operands, .given = given,
                                    .line = shell_line(argc, argv)};
    struct words words = {argv, argc, 1};
    for (bool options = true; words.at < argc;) {
        const char *word = argv[words.at];
        if (!options || word[0] != '-' || !word[1]) {
            operands[arguments->operand_count++] = argv[words.at++];
            continue;
        }
        if (strcmp(word, "--") == 0) {
            options = false;
            words.at++;
            continue;
        }
        int status = parse_option(command, &words, &given[arguments->given_count]);
        if (status)
            return status;
        arguments->help |= given[arguments->given_count++].option == &help_option;
    }
    return check_operands(arguments);
}

void arguments_done(struct arguments *arguments)
{
    free((void *) (uintptr_t) arguments->operands);
    free((void *) (uintptr_t) arguments->given);
    free((void *) (uintptr_t) arguments->line);
}

const char *arguments_value(const struct arguments *arguments, const char *option)
{
    for (uint32_t i = arguments->given_count; i-- > 0;)
        if (strcmp(arguments->given[i].option->name, option) == 0)
            return arguments->given[i].value;
    return NULL;
}

bool arguments_has(const struct arguments *arguments, const char *option)
{
    for (uint32_t i = 0; i < arguments->given_count; i++)
        if (strcmp(arguments->given[i].option->name, option) == 0)
            return true;
    return false;
}

static void help_option_row(const struct command_option *option)
{
    char left[64], letter[8] = "   ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c,", option->letter);
    snprintf(left, sizeof left, "  %s --%s %s", letter, option->name, option->argument ? option->argument : "");
    print_term(left, 29, option->about);
}

void command_help(const struct command *command)
{
    printf("usage: peerlab %s %s%s\n\n", command->name, command->operands,
           command->option_count ? " [OPTION]..." : "");
    print_paragraph(command->summary);
    if (command->about[0]) {
        putchar('\n');
        print_paragraph(command->about);
    }
    printf("\noptions, anywhere on the line:\n");
    for (size_t i = 0; i <= command->option_count; i++)
        help_option_row(option_at(command, i));
    printf("\nexamples:\n");
    for (const char *line = command->examples, *end; *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        printf("  %.*s\n", (int) (end - line), line);
    }
}

int command_refuse(const struct command *command, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *text = NULL;
    int length = vasprintf(&text, format, values);
    va_end(values);
    base_assert(length >= 0);
    fprintf(stderr, "peerlab %s: ", command->name);
    print_clean(stderr, text);
    fputc('\n', stderr);
    free(text);
    return EXIT_INPUT;
}

int command_status(int error)
{
    static const int machine[] = {EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT, EFBIG, EIO, EROFS, ENOBUFS, EAGAIN, ENOSYS,
                                  EBUSY, ENETDOWN, EADDRINUSE};
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++)
        if (error == -machine[i])
            return EXIT_MACHINE;
    return EXIT_INPUT;
}

#include "sim/commands/run_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sim/commands/print.h"

#define BAR_CELLS 10

struct run_progress run_progress_begin(bool quiet)
{
    const char *term = getenv("TERM");
    return (struct run_progress){.shown = !quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0};
}

static void bar(char text[BAR_CELLS + 1], uint32_t per_mille)
{
    for (uint32_t i = 0; i < BAR_CELLS; i++)
        text[i] = i < per_mille * BAR_CELLS / 1000 ? '#' : '.';
    text[BAR_CELLS] = '\0';
}

static uint32_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void run_progress_draw(void *run_progress, const struct engine_progress *progress)
{
    char cells[BAR_CELLS + 1], line[256], now[PRINT_NUMBER_BYTES], duration[PRINT_NUMBER_BYTES];
    char speed[PRINT_NUMBER_BYTES], up[PRINT_NUMBER_BYTES], left[PRINT_NUMBER_BYTES] = "";
    bar(cells, progress->per_mille);
    print_instant(now, progress->now_ns / 1000000000 * 1000000000);
    print_instant(duration, progress->duration_ns);
    if (strcmp(progress->what, "running") != 0) {
        snprintf(line, sizeof line, "%s [%s] %3u %%", progress->what, cells, progress->per_mille / 10);
    } else {
        print_rate(speed, progress->events_per_s);
        print_count(up, progress->peers_up);
        if (progress->seconds_left >= 0)
            print_instant(left, (uint64_t) (progress->seconds_left + 0.5) * 1000000000);
        snprintf(line, sizeof line, "%s / %s [%s] %3u %%  %s events  %s up%s%s%s", now, duration, cells,
                 progress->per_mille / 10, speed, up, *left ? "  " : "", left, *left ? " left" : "");
    }
    /* One write, cut short of the last column so that no terminal wraps. */
    fprintf(stderr, "\r%.*s\x1b[K", (int) columns() - 1, line);
    fflush(stderr);
    ((struct run_progress *) run_progress)->drawn = true;
}

void run_progress_end(struct run_progress *progress)
{
    if (progress->drawn)
        fputs("\r\x1b[K", stderr);
}

#include "reactor/base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/base/end.h"
#include "reactor/base/reserve.h"

#define ALIGNMENT 16
/* A chunk of its own for what would waste more than a quarter of a common chunk. */
#define CHUNK_BYTES ((size_t) 64 << 10)
#define LARGE_BYTES (CHUNK_BYTES / 4)
/* What is as large as this is read here and there in a long run: on small pages each read would also miss the cache of
 * page tables, which costs as much again, in a virtual machine twice. */
#define HUGE_FROM_BYTES ((size_t) 2 << 20)
#define EXIT_MACHINE 3

struct chunk {
    struct chunk *next;
    size_t reserved; /* keeps what follows aligned */
};

struct base_arena {
    struct chunk *chunks;
    uint8_t *free_start, *free_end; /* of the common chunk in use */
};

static_assert(sizeof(struct chunk) % ALIGNMENT == 0, "items follow the chunk's head");

_Noreturn void base_out_of_memory(void)
{
    static const char text[] = BASE_PROGRAM ": out of memory\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void) written; /* nobody is left to tell */
    base_end(EXIT_MACHINE);
}

struct base_arena *base_arena_create(void)
{
    struct base_arena *arena = calloc(1, sizeof(*arena));
    if (arena == NULL)
        base_out_of_memory();
    return arena;
}

void base_arena_free(struct base_arena *arena)
{
    if (arena == NULL)
        return;
    for (struct chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

/* calloc, because for large blocks it is untouched memory of the kernel: zeroed without being written. */
static uint8_t *add_chunk(struct base_arena *arena, size_t bytes)
{
    struct chunk *chunk = bytes <= SIZE_MAX - sizeof(*chunk) ? calloc(1, sizeof(*chunk) + bytes) : NULL;
    if (chunk == NULL)
        base_out_of_memory();
    if (bytes >= HUGE_FROM_BYTES)
        base_reserve_huge(chunk, sizeof(*chunk) + bytes);
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return (uint8_t *) (chunk + 1);
}

void *base_arena_take(struct base_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGNMENT)
        base_out_of_memory();
    size_t rounded = bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t) (ALIGNMENT - 1);
    if (rounded > LARGE_BYTES)
        return add_chunk(arena, rounded);
    if (rounded > (size_t) (arena->free_end - arena->free_start)) {
        arena->free_start = add_chunk(arena, CHUNK_BYTES);
        arena->free_end = arena->free_start + CHUNK_BYTES;
    }
    void *item = arena->free_start;
    arena->free_start += rounded;
    return item;
}

void *base_arena_take_array(struct base_arena *arena, size_t count, size_t item_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes))
        base_out_of_memory();
    return base_arena_take(arena, bytes);
}

char *base_arena_copy_text(struct base_arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        base_out_of_memory();
    char *copy = base_arena_take(arena, length + 1);
    if (length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *base_arena_printf(struct base_arena *arena, const char *format, ...)
{
    base_assert(format != NULL);
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    base_assert(length >= 0);
    char *text = base_arena_take(arena, (size_t) length + 1);
    vsnprintf(text, (size_t) length + 1, format, again);
    va_end(again);
    return text;
}

/* Memory of one lifetime: a run's arena is filled while it is built and dropped whole.
 *
 * Never for the event path. Allocation failure ends the process with "out of memory" and exit status 3: a half-built
 * run is of no use. Not thread-safe. */
#ifndef REACTOR_BASE_ARENA_H
#define REACTOR_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct base_arena; /* opaque; NULL-safe to free */

struct base_arena *base_arena_create(void);
void base_arena_free(struct base_arena *arena);

/* Zeroed, aligned to 16 bytes, valid until the arena is freed. bytes may be 0 (a valid, unique pointer). */
void *base_arena_take(struct base_arena *arena, size_t bytes);
#define base_arena_array(arena, type, count) ((type *) base_arena_take_array((arena), (count), sizeof(type)))
void *base_arena_take_array(struct base_arena *arena, size_t count, size_t item_bytes); /* overflow checked */
char *base_arena_copy_text(struct base_arena *arena, const char *text, size_t length);  /* adds the NUL */
char *base_arena_printf(struct base_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says so on stderr and ends the process with status 3. For small memory that a run cannot go on without; what the
 * scenario sizes (a slab, a reservation) is refused with -ENOMEM instead. */
_Noreturn void base_out_of_memory(void);

#endif

/* Arrays that grow in place: address space is reserved once, pages come when they are touched.
 *
 * So growing never moves an item, an index stays a plain multiply, and a run that stays small costs little. Zeroed when
 * first touched. Pages are small, also where the system's default is huge ones, until whoever knows that the memory
 * will be used asks for others (base_reserve_huge). */
#ifndef REACTOR_BASE_RESERVE_H
#define REACTOR_BASE_RESERVE_H

#include <stddef.h>

/* NULL with errno set when the address space or its limit is exhausted. */
void *base_reserve(size_t bytes);
void base_unreserve(void *address, size_t bytes);
/* Asks for transparent huge pages under [address, address + bytes): worth 1.3 x at a million peers, but each touch then
 * costs 2 MiB of memory. So: for what is filled from its start on and already large (slabs do it by themselves), or
 * once a run knows that this much will be used; never for a sparse reservation. Where the kernel has them off, only
 * speed differs. */
void base_reserve_huge(void *address, size_t bytes);

/* Gives the pages of [address, address + bytes) back; they read as zero afterwards. */
void base_reserve_discard(void *address, size_t bytes);

#endif

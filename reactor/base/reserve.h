/* Arrays that grow in place: address space is reserved once, pages come when they are touched.
 *
 * So growing never moves an item, an index stays a plain multiply, and a run that stays small costs little. Large
 * reservations ask for transparent huge pages (worth 1.3 x at a million peers). Zeroed when first touched. */
#ifndef REACTOR_BASE_RESERVE_H
#define REACTOR_BASE_RESERVE_H

#include <stddef.h>

/* NULL with errno set when the address space or its limit is exhausted. */
void *base_reserve(size_t bytes);
void base_unreserve(void *address, size_t bytes);
/* Gives the pages of [address, address + bytes) back; they read as zero afterwards. */
void base_reserve_discard(void *address, size_t bytes);

#endif

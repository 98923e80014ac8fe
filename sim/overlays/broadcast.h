/* What the files of broadcast.c share, and its bytes. All numbers are big-endian.
 *
 *   0  1  0x42
 *   1  1  kind: 0 flood
 *   2  2  hops: copies travelled, this one included; at least 1
 *   4  4  id, the broadcast's number
 *   8  4  topic
 *  12  4  bytes of payload, which is the rest of the datagram
 *  16  …  payload (zeros: what it says is nobody's business here)
 *
 * broadcast.c is the overlay; broadcast_seen.c is what a peer remembers. */
#ifndef SIM_OVERLAYS_BROADCAST_H
#define SIM_OVERLAYS_BROADCAST_H

#include <assert.h>

#include "sim/overlay.h"

#define BROADCAST_HEADER_BYTES 16
#define BROADCAST_DATAGRAM_BYTES_MAX 65507
#define BROADCAST_PAYLOAD_BYTES_MAX (BROADCAST_DATAGRAM_BYTES_MAX - BROADCAST_HEADER_BYTES)

/* --- what a peer has seen: a bit an id, in pages, the highest ids first; the first page lies in the peer's state --- */
#define BROADCAST_PAGE_WORDS 3
#define BROADCAST_PAGE_IDS (64 * BROADCAST_PAGE_WORDS)
/* A peer remembers the pages of the highest 49,152 ids at most (8 KiB); what is lower than all of them counts as seen. */
#define BROADCAST_PAGES_MAX 256

struct broadcast_page {
    uint32_t next;   /* slab handle of a page of lower ids; 0: the last */
    uint32_t number; /* of its first id: number * BROADCAST_PAGE_IDS */
    uint64_t seen[BROADCAST_PAGE_WORDS];
};

struct broadcast_state {
    struct broadcast_page first;
};
static_assert(sizeof(struct broadcast_state) == 32, "with the engine's own block a peer is one cache line");

/* Remembers id; false: it was seen before, or is older than what is remembered. O(pages above it). */
bool broadcast_see(struct broadcast_page *first, struct base_slab *pages, uint32_t id);
/* Forgets everything. */
void broadcast_forget(struct broadcast_page *first, struct base_slab *pages);
/* What is wrong with the chain, or NULL. */
const char *broadcast_seen_check(const struct broadcast_page *first, const struct base_slab *pages);

#endif

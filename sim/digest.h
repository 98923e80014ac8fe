/* The digest: each peer folds what it handles, in order; peers are combined at the end in the order of their indices, so
 * neither threads nor anything outside of a peer matters (DESIGN.md section 8). Folding by multiplication and XXH3, not
 * cryptographic: it must catch any difference, not resist anybody. */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "reactor/timed_queue.h"

static inline uint64_t digest_fold(uint64_t digest, const struct reactor_entry *entry, uint32_t other,
                                   const void *bytes, size_t length)
{
    uint64_t what = (uint64_t) (entry->order & REACTOR_CLASS_MASK) << 56 | (uint64_t) entry->kind << 48 |
                    (uint64_t) (uint16_t) length << 32 | other;
    digest = (digest ^ entry->due_ns) * UINT64_C(0x9e3779b97f4a7c15) ^ what;
    digest ^= digest >> 32;
    return length ? XXH3_64bits_withSeed(bytes, length, digest) : digest * UINT64_C(0xd6e8feb86659fd93);
}

#endif

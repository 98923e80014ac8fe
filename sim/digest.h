/* The digest: each peer folds what it handles, in order; peers are combined at the end in the order of their indices, so
 * neither threads nor anything outside of a peer matters (DESIGN.md section 8). Short payloads are folded by multiplication,
 * longer ones by XXH3 with the chain as its seed; not cryptographic: it must catch any difference, not resist anybody. */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#define XXH_INLINE_ALL
#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "reactor/timed_queue.h"

/* A 64 x 64 multiplication folded to 64 bits: each bit of the result depends on all of both. */
static inline uint64_t digest_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128) a * b;
    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

#define DIGEST_SHORT 24u

/* Of a short payload bytes are DIGEST_SHORT octets, zero behind length. */
static inline uint64_t digest_payload(uint64_t digest, const void *bytes, size_t length)
{
    uint64_t words[DIGEST_SHORT / 8];
    if (length > DIGEST_SHORT)
        return XXH3_64bits_withSeed(bytes, length, digest);
    memcpy(words, bytes, sizeof words);
    digest = digest_mix(digest ^ le64toh(words[0]), le64toh(words[1]) ^ UINT64_C(0xd6e8feb86659fd93));
    return digest_mix(digest ^ le64toh(words[2]), length ^ UINT64_C(0xa0761d6478bd642f));
}

static inline uint64_t digest_fold(uint64_t digest, const struct reactor_entry *entry, uint32_t other,
                                   const void *bytes, size_t length)
{
    uint64_t what = (uint64_t) (entry->order & REACTOR_CLASS_MASK) << 40 | (uint64_t) entry->kind << 32 | other;
    digest = digest_mix(digest ^ entry->due_ns, what ^ UINT64_C(0x9e3779b97f4a7c15));
    return length ? digest_payload(digest, bytes, length) : digest;
}

#endif

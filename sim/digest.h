/* The digest: each peer folds what it handles, in order; peers are combined at the end in the order of their indices, so
 * neither threads nor anything outside of a peer matters (DESIGN.md section 8). Short payloads are folded by two multiplications,
 * longer ones by XXH3 with the chain as its seed; not cryptographic: it must catch any difference, not resist anybody. */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#define XXH_INLINE_ALL
#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "reactor/timed_queue.h"

/* A 64 x 64 multiplication folded to 64 bits: each bit of the result depends on all of both. (Written with two products,
 * of which the compiler makes one; of a double word it makes detours through memory.) */
static inline uint64_t digest_mix(uint64_t a, uint64_t b)
{
    return (a * b) ^ (uint64_t) ((unsigned __int128) a * b >> 64);
}

static inline uint64_t digest_word(const void *bytes, size_t word)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *) bytes + 8 * word, sizeof value);
    return le64toh(value);
}

#define DIGEST_SHORT 24u

/* Of a short payload bytes are DIGEST_SHORT octets, zero behind length. */
static inline uint64_t digest_fold(uint64_t digest, const struct reactor_entry *entry, uint32_t other, const void *bytes,
                                   size_t length)
{
    uint64_t what = (uint64_t) length << 48 | (uint64_t) (entry->order & REACTOR_CLASS_MASK) << 40 |
                    (uint64_t) entry->kind << 32 | other;
    digest ^= entry->due_ns;
    what = (what + 1) * UINT64_C(0x9e3779b97f4a7c15); /* spread: no few bits of it meet few bits of the payload */
    if (length == 0)
        return digest_mix(digest, what);
    if (__builtin_expect(length > DIGEST_SHORT, 0))
        return XXH3_64bits_withSeed(bytes, length, digest_mix(digest, what));
    digest ^= digest_mix(digest_word(bytes, 0) ^ UINT64_C(0xd6e8feb86659fd93),
                         digest_word(bytes, 1) ^ UINT64_C(0xa0761d6478bd642f));
    return digest_mix(digest, what ^ digest_word(bytes, 2));
}

#endif

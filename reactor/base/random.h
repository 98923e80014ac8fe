/* Counter-based randomness: every number is a pure function of (key, draw number).
 *
 * A key is derived from (seed, purpose, name) once and from an index cheaply; so a new consumer never shifts another's
 * numbers, threads need no shared state, and a draw can be made again at any time (DESIGN.md section 3).
 * The keys are XXH3 hashes; a draw is SplitMix64's output function over key + draw * golden gamma (Steele, Lea & Flood,
 * OOPSLA 2014), entered at any place because its state is a counter. Integers only: the same on every processor. */
#ifndef REACTOR_BASE_RANDOM_H
#define REACTOR_BASE_RANDOM_H

#include <stdint.h>

/* The key of one consumer, e.g. (42, "churn", "home"). name may be "". Not for the event path. */
uint64_t base_random_key(uint64_t seed, const char *purpose, const char *name);

static inline uint64_t base_random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The key of member index of a keyed group: its own stream. */
static inline uint64_t base_random_subkey(uint64_t key, uint64_t index)
{
    return base_random_mix(key ^ base_random_mix(index + UINT64_C(0x9e3779b97f4a7c15)));
}

/* Draw number draw of the stream key: 64 uniform bits. */
static inline uint64_t base_random_at(uint64_t key, uint64_t draw)
{
    return base_random_mix(key + (draw + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* Uniform in [0, bound), bound > 0, from 64 uniform bits (multiply-shift: the bias is below bound / 2^64). */
static inline uint64_t base_random_below(uint64_t bits, uint64_t bound)
{
    return (uint64_t) (((unsigned __int128) bits * bound) >> 64);
}

/* True with probability ppb / 10^9. */
static inline int base_random_chance(uint64_t bits, uint32_t ppb)
{
    return base_random_below(bits, UINT64_C(1000000000)) < ppb;
}

/* Uniform in (0, 1), never 0 nor 1: (k + 1/2) / 2^52; exact in binary64, so the same everywhere. */
static inline double base_random_unit(uint64_t bits)
{
    return ((double) (bits >> 12) + 0.5) * 0x1p-52;
}

#endif

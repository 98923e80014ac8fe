#include "reactor/base/random.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t base_random_key(uint64_t seed, const char *purpose, const char *name)
{
    /* One hash seeds the next, so that ("ab", "c") and ("a", "bc") differ. */
    uint64_t key = XXH3_64bits_withSeed(purpose, strlen(purpose), seed);
    return XXH3_64bits_withSeed(name, strlen(name), key);
}

#include "reactor/base/reserve.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reactor/base/assert.h"

/* Shrinks [*start, *end) to the whole pages inside it. */
static void whole_pages(uintptr_t *start, uintptr_t *end)
{
    uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
    *start = (*start + page - 1) & ~(page - 1);
    *end &= ~(page - 1);
}

/* Advice on huge pages: refused by kernels built without them, which changes speed and nothing else. */
static void advise(void *address, size_t bytes, int advice)
{
    uintptr_t start = (uintptr_t) address, end = start + bytes;
    whole_pages(&start, &end);
    int saved_errno = errno;
    if (start < end)
        (void) madvise((void *) start, end - start, advice);
    errno = saved_errno;
}

/* No bytes are still an array, of no items: at least a page is mapped. */
static size_t mapped_bytes(size_t bytes)
{
    return bytes ? bytes : 1;
}

void *base_reserve(size_t bytes)
{
    bytes = mapped_bytes(bytes);
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        return NULL;
    advise(address, bytes, MADV_NOHUGEPAGE);
    return address;
}

void base_unreserve(void *address, size_t bytes)
{
    if (address == NULL)
        return;
    int result = munmap(address, mapped_bytes(bytes));
    base_assert(result == 0);
}

void base_reserve_huge(void *address, size_t bytes)
{
    advise(address, bytes, MADV_HUGEPAGE);
}

void base_reserve_discard(void *address, size_t bytes)
{
    uintptr_t first = (uintptr_t) address, last = first + bytes;
    uintptr_t start = first, end = last;
    whole_pages(&start, &end);
    /* Locked memory cannot be given back; it is still owed its zeroes. */
    if (start >= end || madvise((void *) start, end - start, MADV_DONTNEED) != 0) {
        memset(address, 0, bytes);
        return;
    }
    memset(address, 0, start - first);
    memset((void *) end, 0, last - end);
}

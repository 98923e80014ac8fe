#include <string.h>

#include "sim/overlays/broadcast.h"

static struct broadcast_page *next_of(const struct base_slab *pages, const struct broadcast_page *page)
{
    return page->next ? base_slab_at(pages, page->next) : NULL;
}

/* Puts an empty page before `page`, by moving what is in it to a new one behind it: so the first stays in place. */
static bool insert_before(struct broadcast_page *page, struct base_slab *pages, uint32_t number)
{
    uint32_t handle = base_slab_take(pages);
    if (!handle)
        return false;
    *(struct broadcast_page *) base_slab_at(pages, handle) = *page;
    *page = (struct broadcast_page){.next = handle, .number = number};
    return true;
}

static bool append(struct broadcast_page *page, struct base_slab *pages, uint32_t number)
{
    uint32_t handle = base_slab_take(pages);
    if (!handle)
        return false;
    ((struct broadcast_page *) base_slab_at(pages, handle))->number = number;
    page->next = handle;
    return true;
}

/* Drops the page of the lowest ids, which is not the first. */
static void drop_last(struct broadcast_page *first, struct base_slab *pages)
{
    struct broadcast_page *page = first;
    for (struct broadcast_page *next; (next = next_of(pages, page)) && next->next;)
        page = next;
    base_slab_give(pages, page->next);
    page->next = 0;
}

static uint32_t count_pages(const struct broadcast_page *first, const struct base_slab *pages)
{
    uint32_t count = 0;
    for (const struct broadcast_page *page = first; page; page = next_of(pages, page))
        count++;
    return count;
}

static bool mark(struct broadcast_page *page, uint32_t id)
{
    uint32_t at = id % BROADCAST_PAGE_IDS;
    uint64_t bit = UINT64_C(1) << at % 64;
    bool fresh = !(page->seen[at / 64] & bit);
    page->seen[at / 64] |= bit;
    return fresh;
}

static bool is_empty(const struct broadcast_page *page)
{
    for (uint32_t i = 0; i < BROADCAST_PAGE_WORDS; i++)
        if (page->seen[i])
            return false;
    return true;
}

bool broadcast_see(struct broadcast_page *first, struct base_slab *pages, uint32_t id)
{
    uint32_t number = id / BROADCAST_PAGE_IDS;
    struct broadcast_page *page = first;
    if (!first->next && is_empty(first))
        first->number = number;
    while (page->number > number && page->next)
        page = base_slab_at(pages, page->next);
    if (page->number == number)
        return mark(page, id);
    bool full = count_pages(first, pages) == BROADCAST_PAGES_MAX;
    if (page->number > number) /* lower than all */
        return !full && append(page, pages, number) && mark(next_of(pages, page), id);
    if (full && !page->next) {
        *page = (struct broadcast_page){.number = number}; /* the lowest makes room for the one just above it */
        return mark(page, id);
    }
    if (full)
        drop_last(first, pages);
    return insert_before(page, pages, number) && mark(page, id);
}

void broadcast_forget(struct broadcast_page *first, struct base_slab *pages)
{
    for (uint32_t handle = first->next; handle;) {
        uint32_t next = ((struct broadcast_page *) base_slab_at(pages, handle))->next;
        base_slab_give(pages, handle);
        handle = next;
    }
    *first = (struct broadcast_page){0};
}

const char *broadcast_seen_check(const struct broadcast_page *first, const struct base_slab *pages)
{
    if (count_pages(first, pages) > BROADCAST_PAGES_MAX)
        return "more pages of seen broadcasts than there may be";
    for (const struct broadcast_page *page = first, *next; (next = next_of(pages, page)); page = next)
        if (next->number >= page->number)
            return "pages of seen broadcasts are not in descending order";
    return NULL;
}

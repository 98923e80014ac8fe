/* Name look-up as a job: getaddrinfo blocks for as long as the resolver likes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/offload.h"

struct lookup {
    char *host, *service; /* NULL: not given; in text */
    struct addrinfo hints, *addresses;
    reactor_offload_resolved *resolved;
    void *context;
    char text[];
};

static int error_of(int code)
{
    switch (code) {
    case 0: return 0;
    case EAI_NONAME:
    case EAI_SERVICE: return -ENOENT;
    case EAI_AGAIN: return -EAGAIN;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_BADFLAGS:
    case EAI_SOCKTYPE: return -EINVAL;
    case EAI_FAMILY:
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
        return -EAFNOSUPPORT;
#ifdef EAI_NODATA
    case EAI_NODATA: return -ENOENT;
#endif
    case EAI_SYSTEM: return errno ? -errno : -EIO;
    default: return -EIO;
    }
}

static int look_up(void *context)
{
    struct lookup *lookup = context;
    errno = 0;
    return error_of(getaddrinfo(lookup->host, lookup->service, &lookup->hints, &lookup->addresses));
}

static void tell(void *context, int result)
{
    struct lookup *lookup = context;
    lookup->resolved(lookup->context, result, lookup->addresses);
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    free(lookup);
}

int64_t reactor_offload_resolve(struct reactor_offload *pool, struct reactor_loop *loop, const char *host,
                                const char *service, const struct addrinfo *hints, reactor_offload_resolved *resolved,
                                void *context)
{
    size_t host_bytes = host ? strlen(host) + 1 : 0, service_bytes = service ? strlen(service) + 1 : 0;
    struct lookup *lookup = calloc(1, sizeof *lookup + host_bytes + service_bytes);
    if (!lookup)
        return -ENOMEM;
    lookup->host = host ? memcpy(lookup->text, host, host_bytes) : NULL;
    lookup->service = service ? memcpy(lookup->text + host_bytes, service, service_bytes) : NULL;
    if (hints) /* the fields that are a caller's to give */
        lookup->hints = (struct addrinfo){.ai_flags = hints->ai_flags, .ai_family = hints->ai_family,
                                          .ai_socktype = hints->ai_socktype, .ai_protocol = hints->ai_protocol};
    lookup->resolved = resolved;
    lookup->context = context;
    int64_t ticket = reactor_offload_submit(pool, loop, look_up, tell, lookup);
    if (ticket < 0)
        free(lookup);
    return ticket;
}

#ifndef TESTS_BENCH_EVENT_LOOPS_SERVICE_CLIENT_H
#define TESTS_BENCH_EVENT_LOOPS_SERVICE_CLIENT_H

#include <netinet/in.h>

#define SERVICE_CLIENT_CONNECTIONS 64u /* at once */

/* In a process of its own, which ends with this one at the latest; the caller ends it by its id. */
pid_t service_client_start(const struct sockaddr_in *address);

#endif

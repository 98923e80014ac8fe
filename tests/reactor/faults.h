/* Failures of system calls, made to order: the test is linked with --wrap for each of these (tests/CMakeLists.txt), so
 * that what the reactor calls comes here first. One kind of failure at a time. */
#ifndef TESTS_REACTOR_FAULTS_H
#define TESTS_REACTOR_FAULTS_H

#include <stdint.h>

enum fault_call {
    CALL_EPOLL_CREATE, CALL_EPOLL_CTL, CALL_EPOLL_PWAIT, CALL_EPOLL_PWAIT2, CALL_PPOLL, CALL_PSELECT,
    CALL_URING_INIT, CALL_URING_ENABLE, CALL_URING_ENTER, CALL_URING_BUFFERS, CALL_URING_CANCEL,
    CALL_URING_RECEIVED, CALL_URING_SENT, CALL_URING_COPIED, CALL_URING_ACCEPTED, /* completions */
    CALL_SOCKET, CALL_SETSOCKOPT, CALL_BIND, CALL_LISTEN, CALL_CONNECT, CALL_SO_ERROR, CALL_ACCEPT,
    CALL_RECV, CALL_SEND, CALL_SHUTDOWN, CALL_RECVMSG, CALL_RECVMMSG, CALL_SENDMMSG, CALL_POLL,
    CALL_EVENTFD, CALL_READ, CALL_WRITE, CALL_MMAP, CALL_ALLOCATE, CALL_THREAD,
    FAULT_CALLS
};

#define FAULT_SHORT (-1) /* as an error: succeeds, with one octet or message */

const char *fault_name(enum fault_call call);
/* From its first-th call on (1: the next), so often in a row. */
void fault_arm(enum fault_call call, int error, unsigned first, unsigned times);
void fault_disarm(void); /* counts go on */
/* Since it was armed. */
unsigned fault_count(enum fault_call call);
unsigned fault_struck(void);
unsigned fault_waits(void);  /* calls of the demultiplexers' waits */
/* Mappings and allocations that are not given back. */
int64_t fault_held(void);

#endif

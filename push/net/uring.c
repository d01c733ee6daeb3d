/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring.c - many sends in one system call (uring.h).
 *
 * Two rings are shared with the kernel. We write requests (SQEs) and move the
 * tail of the one; io_uring_enter() does what lies there and moves its head.
 * Answers (CQEs) come through the other. There is no kernel thread and no
 * registered file: measured, they save nothing here.
 *
 * Four flags of a request make it what uring.h says:
 *   MSG_DONTWAIT           a full socket is an error: the request is over when
 *                          io_uring_enter() returns, it never waits for room
 *   IOSQE_CQE_SKIP_SUCCESS no answer when all went well
 *   MSG_WAITALL            a short send has not gone well. Alone it would make
 *                          the kernel wait and send the rest; as it must not
 *                          wait it gives up and answers with the bytes sent
 *   MSG_NOSIGNAL           as ever
 * Kernels before 6.1 answer EAGAIN to a short send and forget what was sent.
 * That, and whatever else a kernel does otherwise, the trial finds out.
 */
#include "uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_io_uring_setup) && __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

#ifdef IORING_FEAT_CQE_SKIP

struct push_uring_t {
    int fd;
    apr_uint32_t pending; /* requests written and not yet submitted */
    apr_uint32_t *sq_tail, sq_mask;
    apr_uint32_t *cq_head, *cq_tail, cq_mask;
    struct io_uring_sqe *sqes; /* PUSH_URING_ROOM of them */
    struct io_uring_cqe *cqes;
    void *maps[3]; /* of the rings and the requests; NULL: not mapped */
    apr_size_t sizes[3];
};

static apr_status_t ring_cleanup(void *baton)
{
    push_uring_t *ring = baton;
    int i;

    for (i = 0; i < 3; i++) {
        if (ring->maps[i] != NULL) {
            munmap(ring->maps[i], ring->sizes[i]);
        }
    }
    close(ring->fd);
    return APR_SUCCESS;
}

static unsigned char *ring_map(push_uring_t *ring, int nth, apr_size_t size,
                               off_t what)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, ring->fd, what);

    if (at == MAP_FAILED) {
        return NULL;
    }
    ring->maps[nth] = at;
    ring->sizes[nth] = size;
    return at;
}

static apr_status_t rings_map(push_uring_t *ring,
                              const struct io_uring_params *p)
{
    unsigned char *sq, *cq;
    apr_uint32_t i;

    sq = ring_map(ring, 0, p->sq_off.array + p->sq_entries * sizeof(i),
                  IORING_OFF_SQ_RING);
    cq = ring_map(ring, 1,
                  p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
                  IORING_OFF_CQ_RING);
    ring->sqes = (void *)ring_map(ring, 2,
                                  p->sq_entries * sizeof(struct io_uring_sqe),
                                  IORING_OFF_SQES);
    if (sq == NULL || cq == NULL || ring->sqes == NULL) {
        return APR_FROM_OS_ERROR(errno);
    }
    ring->sq_tail = (apr_uint32_t *)(void *)(sq + p->sq_off.tail);
    ring->sq_mask = p->sq_entries - 1;
    ring->cq_head = (apr_uint32_t *)(void *)(cq + p->cq_off.head);
    ring->cq_tail = (apr_uint32_t *)(void *)(cq + p->cq_off.tail);
    ring->cq_mask = p->cq_entries - 1;
    ring->cqes = (void *)(cq + p->cq_off.cqes);
    for (i = 0; i < p->sq_entries; i++) { /* the nth slot is the nth request */
        ((apr_uint32_t *)(void *)(sq + p->sq_off.array))[i] = i;
    }
    return APR_SUCCESS;
}

void push_uring_add(push_uring_t *ring, int fd, const void *data,
                    apr_uint32_t len)
{
    apr_uint32_t tail = *ring->sq_tail;
    struct io_uring_sqe *sqe = &ring->sqes[tail & ring->sq_mask];

    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = IORING_OP_SEND;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->fd = fd;
    sqe->addr = (apr_uint64_t)(apr_uintptr_t)data;
    sqe->len = len;
    sqe->msg_flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;
    sqe->user_data = ring->pending++;
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

static apr_int32_t result_of(const struct io_uring_cqe *cqe)
{
    return cqe->res == -EAGAIN || cqe->res == -EINTR ? 0 : cqe->res;
}

/* Let the kernel do what is in the ring.
 * @return requests it has not taken: it was out of memory for them */
static apr_uint32_t ring_enter(push_uring_t *ring)
{
    apr_uint32_t left = ring->pending;
    long n;

    while (left > 0) {
        n = syscall(SYS_io_uring_enter, ring->fd, left, 0, 0, NULL, 0);
        if (n > 0) {
            left -= (apr_uint32_t)n;
        }
        else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    return left;
}

void push_uring_submit(push_uring_t *ring, push_uring_fn fn, void *baton)
{
    apr_uint32_t left = ring_enter(ring);
    apr_uint32_t head = *ring->cq_head;
    const struct io_uring_cqe *cqe;

    while (head != __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) {
        cqe = &ring->cqes[head & ring->cq_mask];
        fn(baton, (apr_uint32_t)cqe->user_data, result_of(cqe));
        head++;
    }
    __atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
    if (left > 0) { /* take them back: nothing of them was sent */
        __atomic_store_n(ring->sq_tail, *ring->sq_tail - left,
                         __ATOMIC_RELEASE);
    }
    for (; left > 0; left--) {
        fn(baton, ring->pending - left, 0);
    }
    ring->pending = 0;
}

/* --- the trial ----------------------------------------------------------- */

#define TRIAL_BYTES 32768 /* more than a socket with the least buffer takes */
#define TRIAL_SENDS 4
#define UNSEEN 1 /* no send of the trial has it as its result */

static void trial_note(void *baton, apr_uint32_t nth, apr_int32_t result)
{
    if (nth < TRIAL_SENDS) {
        ((apr_int32_t *)baton)[nth] = result;
    }
}

/* Bytes that lie in a socket. */
static apr_int32_t bytes_in(int fd)
{
    char sink[4096];
    apr_int32_t all = 0;
    ssize_t n;

    while ((n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT)) > 0) {
        all += (apr_int32_t)n;
    }
    return all;
}

/* To a socket that takes a part, to the same when it is full, to one whose peer
 * is gone, to one that takes all. */
static int trial_passed(push_uring_t *ring, const int tight[2],
                        const int gone[2], const int fine[2])
{
    static char bytes[TRIAL_BYTES];
    apr_int32_t got[TRIAL_SENDS] = { UNSEEN, UNSEEN, UNSEEN, UNSEEN };
    int least = 1;

    setsockopt(tight[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    shutdown(gone[1], SHUT_RD);
    push_uring_add(ring, tight[0], bytes, TRIAL_BYTES);
    push_uring_add(ring, tight[0], bytes, TRIAL_BYTES);
    push_uring_add(ring, gone[0], bytes, 10);
    push_uring_add(ring, fine[0], bytes, 10);
    push_uring_submit(ring, trial_note, got);
    return got[0] > 1 && got[0] < TRIAL_BYTES &&
           got[0] == bytes_in(tight[1]) && got[1] == 0 && got[2] == -EPIPE &&
           got[3] == UNSEEN && bytes_in(fine[1]) == 10;
}

static int trial(push_uring_t *ring)
{
    int pairs[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    int passed = 1;
    int i;

    for (i = 0; i < 3; i++) {
        passed &= socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
                             pairs[i]) == 0;
    }
    passed = passed && trial_passed(ring, pairs[0], pairs[1], pairs[2]);
    for (i = 0; i < 3; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    return passed;
}

/* --- making -------------------------------------------------------------- */

apr_status_t push_uring_create(push_uring_t **out, apr_pool_t *p)
{
    /* One that cannot be begun does not keep the others from being done. */
    struct io_uring_params params = { .flags = IORING_SETUP_SUBMIT_ALL };
    push_uring_t *ring = apr_pcalloc(p, sizeof(*ring));
    apr_status_t rv;

    ring->fd = (int)syscall(SYS_io_uring_setup, PUSH_URING_ROOM, &params);
    if (ring->fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    rv = rings_map(ring, &params);
    if (rv == APR_SUCCESS && (params.sq_entries < PUSH_URING_ROOM ||
                              !(params.features & IORING_FEAT_CQE_SKIP) ||
                              !trial(ring))) {
        rv = APR_ENOTIMPL;
    }
    if (rv != APR_SUCCESS) {
        ring_cleanup(ring);
        return rv;
    }
    apr_pool_cleanup_register(p, ring, ring_cleanup, apr_pool_cleanup_null);
    *out = ring;
    return APR_SUCCESS;
}

#else /* built without the kernel's header: there is none */

apr_status_t push_uring_create(push_uring_t **out, apr_pool_t *p)
{
    (void)out;
    (void)p;
    return APR_ENOTIMPL;
}

void push_uring_add(push_uring_t *ring, int fd, const void *data,
                    apr_uint32_t len)
{
    (void)ring;
    (void)fd;
    (void)data;
    (void)len;
}

void push_uring_submit(push_uring_t *ring, push_uring_fn fn, void *baton)
{
    (void)ring;
    (void)fn;
    (void)baton;
}

#endif

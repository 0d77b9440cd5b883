# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A client for load: many keep-alive connections on one thread, closed loop or open loop, latencies kept.

Open loop: requests are due at fixed times whether or not earlier ones were answered, and a latency counts
from when a request was due (no coordinated omission). A request may be sent in two pieces, the second one a
round of the loop later, so that the server reads twice.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINPROGRESS, errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

cdef extern from "time.h" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *at)
    enum: CLOCK_MONOTONIC

cdef extern from "sys/prctl.h" nogil:
    int prctl(int option, unsigned long value)
    enum: PR_SET_TIMERSLACK

cdef extern from "sys/epoll.h" nogil:
    ctypedef union epoll_data_t:
        uint32_t u32
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_pwait2(int epfd, epoll_event *events, int most, const timespec *timeout, const void *mask)
    enum: EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN

cdef extern from "sys/socket.h" nogil:
    ssize_t send(int fd, const void *octets, size_t size, int flags)
    ssize_t recv(int fd, void *octets, size_t size, int flags)
    enum: MSG_NOSIGNAL, MSG_DONTWAIT

cdef extern from "unistd.h" nogil:
    int close(int fd)

cdef enum:
    ROOM = 65536
    #: Latencies in nanoseconds, 32 buckets for each doubling.
    BUCKETS = 64 * 32

cdef struct Connection:
    int fd
    bint busy
    int request
    Py_ssize_t sent
    uint64_t due
    Py_ssize_t held
    uint8_t *octets


cdef inline uint64_t now_ns() noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC, &at)
    return <uint64_t>at.tv_sec * 1_000_000_000 + <uint64_t>at.tv_nsec


cdef inline int bucket_of(uint64_t ns) noexcept nogil:
    cdef int shift = 0
    while ns >> shift >= 64:
        shift += 1
    return shift * 32 + <int>(ns >> shift)


cdef uint64_t bound_of(int bucket) noexcept:
    """The middle of what falls into it."""
    cdef int shift
    if bucket < 64:
        return bucket
    shift = bucket // 32 - 1
    return (<uint64_t>(bucket - shift * 32) << shift) + ((<uint64_t>1 << shift) >> 1)


cdef Py_ssize_t response_size(const uint8_t *octets, Py_ssize_t held) noexcept nogil:
    """Of the whole response at the front, 0 where it is not whole, -1 where it is no 200 or 304."""
    cdef Py_ssize_t at = 0, length = 0
    cdef const uint8_t *line
    if held < 12:
        return 0
    if memcmp(octets, b"HTTP/1.1 100", 12) == 0:
        return 25 if held >= 25 else 0
    if memcmp(octets, b"HTTP/1.1 200", 12) != 0 and memcmp(octets, b"HTTP/1.1 304", 12) != 0:
        return -1
    while True:
        line = <const uint8_t *>memchr(octets + at, 0x0A, held - at)
        if line == NULL:
            return 0
        if line - (octets + at) == 1:
            at = line - octets + 1
            break
        if (octets[at] | 0x20) == 0x63 and line - (octets + at) > 16 and memcmp(octets + at + 1, b"ontent-Length: ", 15) == 0:
            at += 16
            length = 0
            while octets[at] >= 0x30:
                length = length * 10 + octets[at] - 0x30
                at += 1
        at = line - octets + 1
    return at + length if held >= at + length else 0


def run(list descriptors, list requests, list pieces, double seconds, double rate, int body_at_least):
    """Send ``requests`` (bytes) in turn over connected sockets for so many seconds.

    ``pieces``: for each request where its second piece begins, 0 for one piece. ``rate``: requests a second
    (open loop), or 0 (closed loop: each connection asks again when it has its answer). ``body_at_least``:
    a response shorter than that is an error. Gives counts and latencies by their middle in seconds.
    """
    cdef int count = len(descriptors), kinds = len(requests), ready, i, poll, waiting = 0, free_count = 0
    cdef Connection *connections = <Connection *>calloc(count, sizeof(Connection))
    cdef epoll_event *events = <epoll_event *>calloc(count, sizeof(epoll_event))
    cdef int *idle = <int *>calloc(count, sizeof(int))
    cdef int *halves = <int *>calloc(count, sizeof(int))
    cdef uint64_t *latencies = <uint64_t *>calloc(BUCKETS, sizeof(uint64_t))
    cdef const uint8_t **octets = <const uint8_t **>calloc(kinds, sizeof(void *))
    cdef Py_ssize_t *sizes = <Py_ssize_t *>calloc(kinds, sizeof(Py_ssize_t))
    cdef Py_ssize_t *cuts = <Py_ssize_t *>calloc(kinds, sizeof(Py_ssize_t))
    cdef uint64_t begin, end, at, next_due, step = 0, done = 0, errors = 0, received = 0, late = 0
    cdef Connection *one
    cdef epoll_event event
    cdef ssize_t got, size
    cdef int halved
    cdef timespec pause
    cdef long turn = 0
    poll = epoll_create1(0)
    for i in range(kinds):
        octets[i] = <const uint8_t *>PyBytes_AS_STRING(requests[i])
        sizes[i] = PyBytes_GET_SIZE(requests[i])
        cuts[i] = pieces[i]
    for i in range(count):
        connections[i].fd = descriptors[i]
        connections[i].octets = <uint8_t *>calloc(ROOM, 1)
        memset(&event, 0, sizeof(event))
        event.events = EPOLLIN
        event.data.u32 = i
        epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event)
        idle[free_count] = i
        free_count += 1
    prctl(PR_SET_TIMERSLACK, 1)
    with nogil:
        begin = now_ns()
        end = begin + <uint64_t>(seconds * 1e9)
        next_due = begin
        if rate > 0:
            step = <uint64_t>(1e9 / rate)
        halved = 0
        while True:
            at = now_ns()
            if at >= end:
                break
            # Second pieces of what was begun a round ago.
            for i in range(halved):
                one = &connections[halves[i]]
                if one.fd >= 0:
                    got = send(one.fd, octets[one.request] + one.sent, sizes[one.request] - one.sent, MSG_NOSIGNAL)
            halved = 0
            while free_count > 0 and (rate == 0 or next_due <= at):
                free_count -= 1
                one = &connections[idle[free_count]]
                one.request = <int>(turn % kinds)
                turn += 1
                one.due = next_due if rate > 0 else at
                if rate > 0:
                    next_due += step
                size = sizes[one.request]
                if cuts[one.request] > 0:
                    size = cuts[one.request]
                    halves[halved] = idle[free_count]
                    halved += 1
                one.sent = size
                one.busy = True
                got = send(one.fd, octets[one.request], size, MSG_NOSIGNAL)
                if got != size:
                    errors += 1
            # Not spinning: whoever else has this core needs what is left of it.
            pause.tv_sec = 0
            pause.tv_nsec = 1_000_000
            if halved:
                pause.tv_nsec = 0
            elif rate > 0 and free_count > 0 and next_due < at + 1_000_000:
                pause.tv_nsec = <long>(next_due - at) if next_due > at else 0
            ready = epoll_pwait2(poll, events, count, &pause, NULL)
            at = now_ns()
            for i in range(ready):
                one = &connections[events[i].data.u32]
                got = recv(one.fd, one.octets + one.held, ROOM - one.held, MSG_DONTWAIT)
                if got <= 0:
                    if got < 0 and errno == EAGAIN:
                        continue
                    errors += 1
                    epoll_ctl(poll, EPOLL_CTL_DEL, one.fd, NULL)
                    one.fd = -1
                    continue
                one.held += got
                while one.held > 0:
                    size = response_size(one.octets, one.held)
                    if size == 0:
                        break
                    if size < 0 or size < body_at_least:
                        errors += 1
                        if size < 0:
                            one.held = 0
                            break
                    if memcmp(one.octets, b"HTTP/1.1 100", 12) == 0:
                        memmove(one.octets, one.octets + size, one.held - size)
                        one.held -= size
                        continue
                    received += size
                    done += 1
                    latencies[bucket_of(at - one.due)] += 1
                    memmove(one.octets, one.octets + size, one.held - size)
                    one.held -= size
                    one.busy = False
                    idle[free_count] = events[i].data.u32
                    free_count += 1
        at = now_ns()
        if rate > 0 and next_due < end:
            late = (end - next_due) // step
    found = []
    for i in range(BUCKETS):
        if latencies[i]:
            found.append((bound_of(i) * 1e-9, latencies[i]))
    for i in range(count):
        free(connections[i].octets)
    close(poll)
    free(connections)
    free(events)
    free(idle)
    free(halves)
    free(latencies)
    free(octets)
    free(sizes)
    free(cuts)
    return {
        "seconds": (at - begin) * 1e-9, "done": done, "errors": errors, "octets": received,
        "not_sent": late, "latencies": found,
    }

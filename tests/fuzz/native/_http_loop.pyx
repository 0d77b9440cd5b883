# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Splits request heads, chunked bodies and GET paths many million times: make one, read it, ask what must be true.

No Python between two inputs. Each input, each of its beginnings that is tried and each room for what is read lies in
a malloc of its own size, so that AddressSanitizer sees the first octet beyond it.
"""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, clock_gettime, clockid_t, timespec

from _http_readers cimport chunked_of, head_of, request_of
from platform_api.ocsp._head cimport HEAD_PARTIAL, HEAD_WHOLE, HeadAt
from platform_api.ocsp._target cimport NO_REQUEST, NO_ROOM


cdef extern from "rig.h":
    int rig_split(const uint8_t *data, Py_ssize_t size, int verdict, Py_ssize_t *end) nogil

cdef extern from "http_reference.h":
    ctypedef struct reading_of_head:
        int verdict
        Py_ssize_t decided
        int method, minor, keep, chunked, expect, identity
        long long length
        Py_ssize_t target, target_length, authorization, authorization_length, match, match_length
    void reference_head(const uint8_t *data, Py_ssize_t size, reading_of_head *r) nogil
    Py_ssize_t reference_chunked(const uint8_t *data, Py_ssize_t size, uint8_t *out, Py_ssize_t room,
                                 Py_ssize_t *body, Py_ssize_t *decided) nogil
    Py_ssize_t reference_target(const uint8_t *data, Py_ssize_t size, uint8_t *out) nogil

cdef extern from "http_input.h":
    enum:
        HEAD_KIND
        CHUNKED_KIND
        HTTP_LONGEST
        HTTP_ROOM
    ctypedef struct dice:
        uint64_t state
    ctypedef struct http_input:
        int32_t size
        int32_t kind
        int32_t room
        uint8_t *data
    ctypedef struct http_maker:
        http_input *now
        dice d
    void http_next(http_maker *m) nogil
    int below(dice *d, int limit) nogil
    void copy(uint8_t *to, const uint8_t *from_, int size) nogil

cdef enum:
    BATCH = 4096               # runs between two looks at the clock

#: By the numbers that the checks below give.
cdef tuple FINDINGS = (
    None,
    "another verdict on a head than the reference",
    "another end of a head than the reference, or one outside of the octets",
    "other fields of a head than the reference",
    "a beginning of a head that is not partial before its verdict, or another verdict after it",
    "another verdict on a chunked body than the reference",
    "another chunked body than the reference",
    "a beginning of a chunked body that is not partial before its verdict, or another verdict after it",
    "another request in a GET path than the reference",
    "no room where there was some, or room where there was none",
    "out of memory",
)

cdef struct Bench:
    http_maker made
    uint8_t *exact[HTTP_LONGEST + 1]   # each a malloc of exactly so many octets, for what is read
    uint8_t *rooms[HTTP_LONGEST + 1]   # and for what is written
    uint8_t *expected                  # the reference's octets
    uint64_t heads[4]                  # by verdict
    uint64_t chunked[4]                # whole, partial, odd, too large
    uint64_t targets[2]                # none, some


cdef uint8_t *octets_of(uint8_t **ready, Py_ssize_t size) noexcept nogil:
    return ready[size] if size <= HTTP_LONGEST else <uint8_t *>malloc(size)


cdef void give_back(uint8_t *octets, Py_ssize_t size) noexcept nogil:
    if size > HTTP_LONGEST:
        free(octets)


cdef int head_once(Bench *bench, Py_ssize_t size, HeadAt *found) noexcept nogil:
    """The first ``size`` octets, in a malloc of exactly so many; -1 without memory."""
    cdef uint8_t *exact = octets_of(bench.exact, size)
    cdef int verdict
    if exact == NULL:
        return -1
    copy(exact, bench.made.now.data, <int>size)
    # What is not filled in must be seen.
    memset(found, 0xA5, sizeof(HeadAt))
    verdict = head_of(exact, size, found)
    verdict = rig_split(exact, size, verdict, &found.head_end)
    give_back(exact, size)
    return verdict


cdef bint same_head(const HeadAt *a, const reading_of_head *b) noexcept nogil:
    if a.method != b.method or a.target != b.target or a.target_length != b.target_length:
        return False
    if a.minor_version != b.minor or a.keep_alive != b.keep or a.content_length != b.length:
        return False
    if a.chunked != b.chunked or a.expect_continue != b.expect or a.content_encoding_identity != b.identity:
        return False
    if a.authorization_length != b.authorization_length or a.if_none_match_length != b.match_length:
        return False
    return a.authorization == b.authorization and a.if_none_match == b.match


cdef int check_head(Bench *bench) noexcept nogil:
    cdef http_input *now = bench.made.now
    cdef reading_of_head r
    cdef HeadAt whole, part
    cdef Py_ssize_t size, at
    cdef int verdict, i
    reference_head(now.data, now.size, &r)
    verdict = head_once(bench, now.size, &whole)
    if verdict < 0:
        return 10
    if verdict != r.verdict:
        return 1
    if verdict == HEAD_WHOLE:
        if whole.head_end != r.decided or whole.head_end > now.size:
            return 2
        if not same_head(&whole, &r):
            return 3
    # Any beginning, the last one without a verdict, and the first one with it.
    for i in range(3):
        at = below(&bench.made.d, now.size + 1) if i == 0 else r.decided - 2 + i
        size = min(at, now.size)
        verdict = head_once(bench, size, &part)
        if verdict != (r.verdict if size >= r.decided else HEAD_PARTIAL):
            return 4
        if verdict == HEAD_WHOLE and (part.head_end != r.decided or not same_head(&part, &r)):
            return 4
    bench.heads[r.verdict] += 1
    return 0


cdef Py_ssize_t chunked_once(Bench *bench, Py_ssize_t size, uint8_t *out, Py_ssize_t *body) noexcept nogil:
    cdef uint8_t *exact = octets_of(bench.exact, size)
    cdef Py_ssize_t used
    if exact == NULL:
        return -9
    copy(exact, bench.made.now.data, <int>size)
    used = chunked_of(exact, size, out, bench.made.now.room, body)
    give_back(exact, size)
    return used


cdef int check_chunked(Bench *bench) noexcept nogil:
    cdef http_input *now = bench.made.now
    cdef Py_ssize_t wanted, length = 0, decided = 0, used, body = 0, size
    cdef uint8_t *out = octets_of(bench.rooms, now.room)
    cdef int found = 0, i
    if out == NULL:
        return 10
    wanted = reference_chunked(now.data, now.size, bench.expected, now.room, &length, &decided)
    used = chunked_once(bench, now.size, out, &body)
    if used != wanted:
        found = 5
    elif used > 0 and (body != length or memcmp(out, bench.expected, length) != 0):
        found = 6
    if found == 0:
        for i in range(3):
            size = below(&bench.made.d, now.size + 1) if i == 0 else min(<Py_ssize_t>now.size, decided - 2 + i)
            used = chunked_once(bench, size, out, &body)
            if used != (wanted if size >= decided else 0):
                found = 7
            if used > 0 and body != length:
                found = 7
    give_back(out, now.room)
    bench.chunked[0 if wanted > 0 else 1 - wanted] += 1
    return found


cdef int check_target(Bench *bench) noexcept nogil:
    cdef http_input *now = bench.made.now
    cdef Py_ssize_t wanted, length, room
    cdef uint8_t *exact = octets_of(bench.exact, now.size)
    cdef uint8_t *out
    cdef int found = 0
    if exact == NULL:
        return 10
    copy(exact, now.data, now.size)
    wanted = reference_target(now.data, now.size, bench.expected)
    room = wanted if wanted > 0 else 0
    out = octets_of(bench.rooms, room)
    if out == NULL:
        give_back(exact, now.size)
        return 10
    length = request_of(exact, now.size, out, room)
    if wanted < 0:
        # Without room it may be either: what is no base64 is found out on the way.
        if length != NO_REQUEST and length != NO_ROOM:
            found = 8
        elif request_of(exact, now.size, bench.expected, HTTP_ROOM) != NO_REQUEST:
            found = 8
    elif length != wanted or memcmp(out, bench.expected, wanted) != 0:
        found = 8
    elif request_of(exact, now.size, out, room - 1) != NO_ROOM:
        found = 9
    bench.targets[wanted > 0] += 1
    give_back(out, room)
    give_back(exact, now.size)
    return found


cdef int run(Bench *bench) noexcept nogil:
    """The present input; 0, or the number of what is wrong."""
    if bench.made.now.kind == HEAD_KIND:
        return check_head(bench)
    if bench.made.now.kind == CHUNKED_KIND:
        return check_chunked(bench)
    return check_target(bench)


cdef double seconds_now(clockid_t clock=CLOCK_MONOTONIC) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


def split_many(uint64_t seed, uint64_t executions, double seconds, size_t room):
    """So many inputs, or for so many seconds. ``room``: the address of INPUT_OCTETS that outlive a crash."""
    cdef Bench bench
    cdef int found = 0, i
    cdef uint64_t done = 0, n
    cdef double start = seconds_now(), used = seconds_now(CLOCK_PROCESS_CPUTIME_ID)
    memset(&bench, 0, sizeof(Bench))
    bench.made.now = <http_input *>room
    bench.made.d.state = seed * <uint64_t>0xD1342543DE82EF95 + 1
    try:
        bench.expected = <uint8_t *>calloc(1, HTTP_ROOM)
        if bench.expected == NULL:
            raise MemoryError
        for i in range(HTTP_LONGEST + 1):
            bench.exact[i] = <uint8_t *>malloc(i)
            bench.rooms[i] = <uint8_t *>malloc(i)
            if bench.exact[i] == NULL or bench.rooms[i] == NULL:
                raise MemoryError
        while not found and done < executions and seconds_now() - start < seconds:
            n = min(<uint64_t>BATCH, executions - done)
            with nogil:
                while n and not found:
                    http_next(&bench.made)
                    found = run(&bench)
                    done += 1
                    n -= 1
        return {
            "executions": done,
            "seconds": seconds_now() - start,
            "cpu_seconds": seconds_now(CLOCK_PROCESS_CPUTIME_ID) - used,
            "heads": dict(zip(("partial", "whole", "odd", "too_long"), bench.heads)),
            "chunked": dict(zip(("whole", "partial", "odd", "too_large"), bench.chunked)),
            "targets": dict(zip(("none", "some"), bench.targets)),
            "finding": FINDINGS[found] if found else None,
        }
    finally:
        free(bench.expected)
        for i in range(HTTP_LONGEST + 1):
            free(bench.exact[i])
            free(bench.rooms[i])


def heads_made(uint64_t seed, int count):
    """So many heads, with what stands behind them, as ``split_many`` makes them: for another parser to read."""
    cdef http_maker made
    memset(&made, 0, sizeof(http_maker))
    made.d.state = seed * <uint64_t>0xD1342543DE82EF95 + 1
    made.now = <http_input *>calloc(1, sizeof(http_input))
    if made.now == NULL:
        raise MemoryError
    try:
        answer = []
        while len(answer) < count:
            http_next(&made)
            if made.now.kind == HEAD_KIND:
                answer.append(made.now.data[:made.now.size])
        return answer
    finally:
        free(made.now)


#: Of ``http_input``: whoever maps the memory must give so much.
INPUT_OCTETS = sizeof(http_input)

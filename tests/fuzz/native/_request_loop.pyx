# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Runs the walk over an OCSPRequest many million times: make an input, run it, ask what must be true.

No Python between two inputs. Each input lies in a malloc of its own size, so that AddressSanitizer sees the first
octet that is read beyond it.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, clock_gettime, clockid_t, timespec

from revocation.ocsp._request_at cimport MAX_REQUEST_OCTETS, MOST_CERT_IDS, CertIdAt, RequestAt


cdef extern from "rig.h":
    enum:
        RIG_SLOTS
    uint8_t *rig_edges
    uint32_t *rig_touched
    uint32_t rig_touched_count
    uint8_t rig_class(uint8_t times) nogil
    void rig_start() nogil
    int rig_new(uint8_t *seen, int keep) nogil
    int rig_after(const uint8_t *data, Py_ssize_t size, int outcome, Py_ssize_t *count) nogil

cdef extern from "request_reference.h":
    ctypedef struct reference_cert_id:
        int start, end, kind, null, name_hash, key_hash, hash_size, serial, serial_size
    ctypedef struct reference_request:
        int count, nonce, nonce_size, is_signed
        int tbs[2]
        int algorithm[2]
        int signature[2]
        int certs[2]
        reference_cert_id *ids
    int reference_reads(const uint8_t *data, Py_ssize_t size, reference_request *out) nogil

cdef extern from "request_pieces.h":
    pass

cdef extern from "pool.h":
    enum:
        ROOM
        LONGEST
    ctypedef struct draft:
        uint8_t *data
        int size
    ctypedef struct input:
        uint8_t *data
        int size
        int flags
        int found
    ctypedef struct dice:
        pass
    ctypedef struct pool:
        input *inputs
        int count
        dice d
        draft now
        int flags
        uint8_t *seen
    pool *pool_new(uint64_t seed, uint8_t *room) nogil
    int pool_add(pool *p, const uint8_t *data, int size, int flags, int found, int accepted) nogil
    void pool_free(pool *p) nogil
    void pool_next(pool *p) nogil
    void pool_set(pool *p, const uint8_t *data, int size, int flags) nogil
    int below(dice *d, int limit) nogil
    void copy(uint8_t *to, const uint8_t *from_, int size) nogil
    void fill(uint8_t *to, uint8_t octet, int size) nogil

cdef enum:
    REFUSALS = 64
    BATCH = 4096               # runs between two looks at the clock
    OUT_OF_MEMORY = 12         # of FINDINGS
    SWEPT = 160                # inputs of so many octets are short enough for every octet's every value

include "request_checks.pxi"
include "guided.pxi"


cdef walk_function walk_of(module) except NULL:
    """``walked`` of a build of _request_walked.pyx."""
    return <walk_function><void *><size_t>module.address()


def request_many(walked, seeds, uint64_t seed, uint64_t executions, double seconds, size_t room, traced=None, bint sweeping=False):
    """Run changed ``seeds``, octets, so many times or seconds, through the module ``walked``.

    ``room`` is the address of ROOM + 8 octets that outlive a crash: size of the present input, four octets, and it.
    ``traced`` is another build of ``walked``, which calls the rig at each block: every sixteenth input goes there,
    and what reaches something new is changed further. ``sweeping``: before that every value of every octet of the
    short seeds, whatever the number of executions.
    """
    cdef Bench bench
    cdef uint8_t *shared = <uint8_t *>room
    cdef int found = 0, i, size
    cdef uint64_t done = 0, n
    cdef double start = seconds_now(CLOCK_MONOTONIC), took, used = seconds_now(CLOCK_PROCESS_CPUTIME_ID)
    cdef const uint8_t *octets
    cdef bint guided = traced is not None, tracing
    memset(&bench, 0, sizeof(Bench))
    bench.walk = walk_of(walked)
    bench.traced = walk_of(traced) if guided else bench.walk
    try:
        bench.inputs = pool_new(seed, shared + 8)
        if bench.inputs == NULL:
            raise MemoryError
        for i in range(LONGEST + 2):
            bench.exact[i] = <uint8_t *>malloc(i)
            if bench.exact[i] == NULL:
                raise MemoryError
        # No octets at all, which no change makes, and more than any request has, which hardly one does.
        for size in (0, MAX_REQUEST_OCTETS + 1):
            memset(shared + 8, 0x30, size)
            bench.inputs.now.size = size
            note(shared, bench.inputs)
            found = found or run(&bench, False, False)
            done += 1
        # The seeds themselves, so that only what is new beside them counts as found.
        for text in seeds:
            if not 0 < len(text) <= LONGEST:
                raise ValueError("expected a seed of 1 to 2048 octets")
            octets = text
            pool_set(bench.inputs, octets, <int>len(text), 0)
            note(shared, bench.inputs)
            found = found or run(&bench, guided, True)
            rig_new(bench.inputs.seen, 1)
            done += 1
            if found:
                break
            if not pool_add(bench.inputs, octets, <int>len(text), 0, 0, bench.accepts):
                raise MemoryError
        if bench.inputs.count == 0 and not found:
            raise ValueError("expected at least one seed")
        if sweeping:
            for i in range(bench.inputs.count):
                if bench.inputs.inputs[i].size <= SWEPT and not found:
                    with nogil:
                        found = sweep(&bench, &bench.inputs.inputs[i], NULL, 0, shared)
                    done += 256 * bench.inputs.inputs[i].size
        while not found and done < executions and seconds_now(CLOCK_MONOTONIC) - start < seconds:
            n = min(<uint64_t>BATCH, executions - done)
            with nogil:
                while n and not found:
                    pool_next(bench.inputs)
                    note(shared, bench.inputs)
                    tracing = guided and done % 16 == 0
                    found = run(&bench, tracing, below(&bench.inputs.d, 16) == 0)
                    done += 1
                    n -= 1
                    if tracing and bench.fresh and not found:
                        found = keep_smallest(&bench)
        took = seconds_now(CLOCK_MONOTONIC) - start
        used = seconds_now(CLOCK_PROCESS_CPUTIME_ID) - used
        return {
            "executions": done,
            "seconds": took,
            "cpu_seconds": used,
            "accepted": bench.accepted,
            "refused": {i: bench.refused[i] for i in range(REFUSALS) if bench.refused[i]},
            "cert_ids": bench.cert_ids,
            "nonces": bench.nonces,
            "signatures": bench.signatures,
            "neighbours": bench.neighbours,
            "edges": sum(1 for i in range(RIG_SLOTS) if bench.inputs.seen[i]),
            "finding": FINDINGS[found] if found else None,
            "input": bench.inputs.now.data[:bench.inputs.now.size] if found else None,
            "new": [
                bench.inputs.inputs[i].data[: bench.inputs.inputs[i].size]
                for i in range(bench.inputs.count)
                if bench.inputs.inputs[i].found
            ],
        }
    finally:
        pool_free(bench.inputs)
        for i in range(LONGEST + 2):
            free(bench.exact[i])


def reached_by(inputs, traced):
    """Of each input the edges that it reaches, as numbers that mean nothing else."""
    cdef RequestAt found
    cdef walk_function tried = walk_of(traced)
    cdef const uint8_t *octets
    cdef uint32_t i
    answer = []
    for text in inputs:
        octets = text
        rig_start()
        tried(octets, len(text), &found)
        answer.append({
            rig_touched[i] << 4 | rig_class(rig_edges[rig_touched[i]]) for i in range(rig_touched_count)
        })
    return answer

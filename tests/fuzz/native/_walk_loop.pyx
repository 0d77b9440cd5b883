# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Runs the walk over revokedCertificates many million times: make an input, run it, ask what must be true.

No Python between two inputs. Each input lies in a malloc of its own size, so that AddressSanitizer sees the first
octet that is read beyond it; so do the records, in room for exactly as many as the reference reading finds.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, clock_gettime, clockid_t, timespec

from revocation.crl._walk cimport Walk, walk_entries


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

cdef extern from "reference.h":
    Py_ssize_t reference_read(const uint8_t *data, Py_ssize_t size, int flags, uint8_t *records,
                              Py_ssize_t room, Py_ssize_t *refused_at) nogil
    Py_ssize_t hop(const uint8_t *data, Py_ssize_t size) nogil

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
    RECORD = 32
    MOST_ENTRIES = 6600        # of the shortest form, 20 octets, in ROOM
    READY = 128                # rooms for up to so many records are kept
    REFUSALS = 64
    BATCH = 4096               # runs between two looks at the clock
    OUT_OF_MEMORY = 13         # of FINDINGS
    SWEPT = 128                # inputs of so many octets are short enough for every octet's every value

#: Entries to stand behind a swept one: the quick path of the walk begins only where the longest would fit.
cdef bytes FOLLOWERS = 3 * b"\x30\x12\x02\x01\x07\x17\x0d261119000000Z"

include "walk_checks.pxi"
include "guided.pxi"


cdef walk_function walk_of(module) except NULL:
    """walk_entries of another build of the walk: what a cimport of it would have found."""
    capsule = module.__pyx_capi__["walk_entries"]
    return <walk_function>PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


def walk_many(seeds, uint64_t seed, uint64_t executions, double seconds, size_t room, traced=None, bint sweeping=False):
    """Run changed ``seeds``, pairs of (flags, octets), so many times or seconds.

    ``room`` is the address of ROOM + 8 octets that outlive a crash: size and flags of the present input, and it.
    ``traced`` is another build of the walk's module, which calls the rig at each block: every sixteenth input goes
    there, and what reaches something new is changed further. ``sweeping``: before that every value of every octet
    of the short seeds, whatever the number of executions.
    """
    cdef Bench bench
    cdef uint8_t *shared = <uint8_t *>room
    cdef int found = 0, i
    cdef uint64_t done = 0, n
    cdef double start = seconds_now(), took, used = seconds_now(CLOCK_PROCESS_CPUTIME_ID)
    cdef const uint8_t *octets
    cdef bint guided = traced is not None, tracing
    memset(&bench, 0, sizeof(Bench))
    bench.walk = walk_entries
    bench.traced = walk_of(traced) if guided else walk_entries
    try:
        bench.inputs = pool_new(seed, shared + 8)
        bench.expected = <uint8_t *>calloc(MOST_ENTRIES, RECORD)
        if bench.inputs == NULL or bench.expected == NULL:
            raise MemoryError
        for i in range(READY + 1):
            bench.rooms[i] = <uint8_t *>malloc(i * RECORD)
            if bench.rooms[i] == NULL:
                raise MemoryError
        for i in range(LONGEST + 1):
            bench.exact[i] = <uint8_t *>malloc(i)
            if bench.exact[i] == NULL:
                raise MemoryError
        # The seeds themselves first, so that only what is new beside them counts as found.
        for flags, text in seeds:
            if not 0 < len(text) <= LONGEST or not 0 <= flags < 16:
                raise ValueError("expected a seed of 1 to 2048 octets and flags of 0 to 15")
            octets = text
            pool_set(bench.inputs, octets, <int>len(text), flags)
            note(shared, bench.inputs)
            found = run(&bench, True, True)
            rig_new(bench.inputs.seen, 1)
            done += 1
            if found:
                break
            if not pool_add(bench.inputs, octets, <int>len(text), flags, 0, bench.accepts):
                raise MemoryError
        if bench.inputs.count == 0 and not found:
            raise ValueError("expected at least one seed")
        if sweeping:
            for i in range(bench.inputs.count):
                if bench.inputs.inputs[i].size <= SWEPT and not found:
                    octets = FOLLOWERS
                    with nogil:
                        found = sweep(&bench, &bench.inputs.inputs[i], octets, 60, shared)
                    done += 256 * bench.inputs.inputs[i].size
        while not found and done < executions and seconds_now() - start < seconds:
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
        took = seconds_now() - start
        used = seconds_now(CLOCK_PROCESS_CPUTIME_ID) - used
        return {
            "executions": done,
            "seconds": took,
            "cpu_seconds": used,
            "accepted": bench.accepted,
            "refused": {i: bench.refused[i] for i in range(REFUSALS) if bench.refused[i]},
            "entries": bench.entries,
            "resumed": bench.resumed,
            "edges": sum(1 for i in range(RIG_SLOTS) if bench.inputs.seen[i]),
            "finding": FINDINGS[found] if found else None,
            "input": (bench.inputs.flags, bench.inputs.now.data[:bench.inputs.now.size]) if found else None,
            "new": [
                (bench.inputs.inputs[i].flags, bench.inputs.inputs[i].data[: bench.inputs.inputs[i].size])
                for i in range(bench.inputs.count)
                if bench.inputs.inputs[i].found
            ],
        }
    finally:
        pool_free(bench.inputs)
        free(bench.expected)
        for i in range(READY + 1):
            free(bench.rooms[i])
        for i in range(LONGEST + 1):
            free(bench.exact[i])


def reached_by(inputs, traced):
    """Of each of (flags, octets) the edges that it reaches, as numbers that mean nothing else."""
    cdef Walk walk
    cdef walk_function tried = walk_of(traced)
    cdef const uint8_t *octets
    cdef uint8_t *out = <uint8_t *>malloc(MOST_ENTRIES * RECORD)
    cdef uint32_t i
    if out == NULL:
        raise MemoryError
    try:
        answer = []
        for flags, text in inputs:
            octets = text
            begin(&walk, octets, len(text), flags)
            walk.out = out
            walk.capacity = MOST_ENTRIES
            rig_start()
            tried(&walk)
            answer.append({
                rig_touched[i] << 4 | rig_class(rig_edges[rig_touched[i]]) for i in range(rig_touched_count)
            })
        return answer
    finally:
        free(out)

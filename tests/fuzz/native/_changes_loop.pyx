# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Compares two lists' entries many million times: make both sides, compare them, ask what must be true.

No Python between two pairs. Each side lies in a malloc of its own size, so that AddressSanitizer sees the first octet
that is read beyond it; what is told goes to memory of the product's own, which is freed after every comparison.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, clock_gettime, clockid_t, timespec

from revocation.crl._changed cimport (
    COMPARED,
    NO_MEMORY,
    SAME_TO_HERE,
    TOO_DIFFERENT,
    Comparison,
    Octets,
    Side,
    compare_entries,
)


cdef extern from "rig.h":
    int rig_told(const uint8_t *data, Py_ssize_t size, int outcome, const uint8_t *told, Py_ssize_t *used) nogil

cdef extern from "entry_sums.h":
    ctypedef struct reading:
        int count
        int whole
        uint64_t sum
    void read_entries(reading *r, const uint8_t *data, Py_ssize_t size) nogil
    int is_between(const reading *r, Py_ssize_t at) nogil
    int is_part_of(const reading *told, const reading *side) nogil

cdef extern from "sides.h":
    enum:
        LONGEST
        SIDE_ROOM
    const int64_t NO_LIMIT
    ctypedef struct dice:
        pass
    ctypedef struct pool:
        int count
    ctypedef struct sides:
        int32_t sizes[2]
        int64_t most
        int64_t step
        uint8_t data[2][SIDE_ROOM]
    ctypedef struct maker:
        sides *now
        pool *from_ "from"
        dice d
    maker *maker_new(uint64_t seed, sides *now) nogil
    void maker_free(maker *m) nogil
    void next_sides(maker *m) nogil
    int pool_add(pool *p, const uint8_t *data, int size, int flags, int found, int accepted) nogil
    int below(dice *d, int limit) nogil
    void copy(uint8_t *to, const uint8_t *from_, int size) nogil

cdef enum:
    BATCH = 4096               # comparisons between two looks at the clock
    FED = 16384                # of so many, one has no memory: the sanitizer writes a line each time

include "changes_checks.pxi"


cdef double seconds_now(clockid_t clock=CLOCK_MONOTONIC) noexcept nogil:
    cdef timespec t
    clock_gettime(clock, &t)
    return t.tv_sec + t.tv_nsec * 1e-9


def compare_many(seeds, uint64_t seed, uint64_t executions, double seconds, size_t room):
    """Compare so many pairs of sides, or for so many seconds; ``seeds`` are the walk's, pairs of (flags, octets).

    ``room`` is the address of octets that outlive a crash, as many as ``INPUT_OCTETS``: ``sides`` of sides.h.
    """
    cdef Bench bench
    cdef int found = 0, which, i
    cdef uint64_t done = 0, n
    cdef double start = seconds_now(), used = seconds_now(CLOCK_PROCESS_CPUTIME_ID)
    cdef const uint8_t *octets
    cdef sides *now = <sides *>room
    memset(&bench, 0, sizeof(Bench))
    try:
        bench.made = maker_new(seed, now)
        if bench.made == NULL or bench.made.from_ == NULL:
            raise MemoryError
        for which in range(2):
            bench.sides[which] = <reading *>calloc(1, sizeof(reading))
            bench.told[which] = <reading *>calloc(1, sizeof(reading))
            if bench.sides[which] == NULL or bench.told[which] == NULL:
                raise MemoryError
            for i in range(LONGEST + 1):
                bench.exact[which][i] = <uint8_t *>malloc(i)
                if bench.exact[which][i] == NULL:
                    raise MemoryError
        for flags, text in seeds:
            octets = text
            if not 0 < len(text) <= LONGEST or not pool_add(bench.made.from_, octets, <int>len(text), flags, 0, 0):
                raise ValueError("expected some thousand seeds of 1 to 2048 octets")
        if bench.made.from_.count == 0:
            raise ValueError("expected at least one seed")
        while not found and done < executions and seconds_now() - start < seconds:
            n = min(<uint64_t>BATCH, executions - done)
            with nogil:
                while n and not found:
                    next_sides(bench.made)
                    found = run(&bench, below(&bench.made.d, FED) == 0)
                    done += 1
                    n -= 1
        return {
            "executions": done,
            "seconds": seconds_now() - start,
            "cpu_seconds": seconds_now(CLOCK_PROCESS_CPUTIME_ID) - used,
            "compared": bench.compared,
            "too_different": bench.too_different,
            "resumed": bench.resumed,
            "same": bench.same,
            "without_memory": bench.starved,
            "entries": bench.entries,
            "told": bench.told_entries,
            "finding": FINDINGS[found] if found else None,
        }
    finally:
        maker_free(bench.made)
        for which in range(2):
            free(bench.sides[which])
            free(bench.told[which])
            for i in range(LONGEST + 1):
                free(bench.exact[which][i])


#: Of ``sides``: whoever maps the memory must give so much.
INPUT_OCTETS = sizeof(sides)

"""Pages of a mapped file that were read once: they need not stay in memory."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from "sys/mman.h":
    int madvise(void *address, size_t length, int advice) noexcept nogil
    int MADV_DONTNEED

cdef enum:
    #: Lines or records after which mapped pages are let go of: some megabytes.
    STRETCH = 65536
    PAGE = 65536


cdef inline void let_go(const uint8_t *records, uint64_t stride, uint64_t at, uint64_t *kept) noexcept nogil:
    """Of a mapped file: whole pages before record ``at``, once they are worth it. They stay in the page cache."""
    cdef size_t start, end
    if at - kept[0] < STRETCH:
        return
    # From the start: what was looked at meanwhile is mapped again.
    start = (<size_t>records + PAGE - 1) // PAGE * PAGE
    end = (<size_t>records + at * stride) // PAGE * PAGE
    if start < end:
        madvise(<void *>start, end - start, MADV_DONTNEED)
    kept[0] = at

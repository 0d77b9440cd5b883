# The comparison of two files, as C: where it stands, and the differences it found last. See _differ.pyx.

from libc.stdint cimport int64_t, uint32_t, uint64_t

from revocation.index._table cimport Table

cdef enum:
    #: Differences found before they are taken.
    ROOM = 1024


cdef struct Pairs:
    Py_ssize_t count
    int64_t old[ROOM]
    int64_t new[ROOM]


cdef class Differences:
    """An iterator over (old position or -1, new position or -1), in the files' order."""

    cdef Table old
    cdef Table new
    cdef bint gone
    cdef bint same_codes
    cdef int phase
    #: How far the merge is: line and place, or record, or position.
    cdef uint64_t old_at
    cdef uint64_t new_at
    cdef uint32_t old_place
    cdef uint32_t new_place
    cdef Pairs pairs
    cdef Py_ssize_t taken
    cdef bint lets_go
    cdef Py_ssize_t room
    cdef uint64_t old_kept
    cdef uint64_t new_kept


# The next differences into ``pairs``, all taken; 1, or 0 where there are no more. Raises where a file is damaged.
cdef int find_more(Differences d) except -1

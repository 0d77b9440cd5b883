"""The merge of one class of serials, in C. See _merge.pyx; ``_place.pyx`` sets it up and drives it."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from revocation.index._entry cimport Buffer, Entry, Row
from revocation.index._lines cimport Lines
from revocation.index._streams cimport NewEntries, Section
from revocation.index._united cimport Group

cdef enum:
    OUT = 1 << 18              # octets of output at a time
    LINE = 64

# What ends a step, beside READ, UNCHECKED and DAMAGED of a stream: READ means that everything is written.
cdef enum:
    FULL = 10                  # the output: take it and go on
    NO_MEMORY = 11

cdef enum:
    LISTED = 0
    GONE = 1


cdef class Merge:
    cdef bint short_ones, release_holds, started, has_pending, at_end
    cdef bint all_kept, none_kept, same_shape
    cdef uint32_t last_seq
    cdef NewEntries new
    cdef NewEntries left
    cdef Section listed_before, gone_before, many_before
    cdef uint8_t *kept
    cdef Row *rows
    cdef Group group
    cdef Lines lines
    cdef Entry pending
    cdef int wanted
    cdef uint32_t *fine                # how many records have each value of the key's highest bits
    cdef int fine_bits
    cdef Buffer departed               # records of gone entries
    cdef Buffer dropped                # gone entries of the set before that are none any more
    cdef Buffer shared
    cdef Py_ssize_t gone_records
    cdef readonly Py_ssize_t entries, repeated, conflicting

    cdef int step(self) noexcept nogil
    cdef uint64_t untouched(self) noexcept nogil
    cdef int pass_lines(self) noexcept nogil
    cdef int pass_records(self) noexcept nogil
    cdef int pass_gone(self, const Entry *until) noexcept nogil
    cdef int decide(self, Entry key) noexcept nogil
    cdef bint take(self, const Entry *entry, Py_ssize_t *found) noexcept nogil
    cdef int take_before(self, Py_ssize_t *found) noexcept nogil
    cdef bint depart(self) noexcept nogil
    cdef bint drop(self) noexcept nogil
    cdef void count(self, uint64_t m) noexcept nogil
    cdef int gone_step(self, Py_ssize_t *departed, Py_ssize_t *dropped) noexcept nogil

# Two lists' entries side by side, in C on (pointer, length), so that a fuzzer can drive it without Python.

from libc.stdint cimport uint8_t

cdef enum:
    SAME_TO_HERE = 1           # go on
    COMPARED = 0               # both are at their ends
    TOO_DIFFERENT = -1         # or not entries at all: whoever reads the list whole will say
    NO_MEMORY = -2


cdef struct Octets:
    uint8_t *data
    Py_ssize_t used
    Py_ssize_t room


cdef struct Side:
    const uint8_t *data
    Py_ssize_t at              # of an entry
    Py_ssize_t end             # of the last entry
    Octets own                 # entries that only this side has, one behind the other


cdef struct Comparison:
    Side new
    Side old
    Py_ssize_t most            # octets of entries that one side may have alone


# Go on until both sides are past so many further octets of the new one, or an end.
cdef int compare_entries(Comparison *comparison, Py_ssize_t octets) noexcept nogil

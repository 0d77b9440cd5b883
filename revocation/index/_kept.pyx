# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""How many entries of a set before stay, counted before the merge: the new set's geometry depends on it."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    LINE = 64
    MARKER = 128


def count_kept(listed, many, kept, *, bint short_ones, int width, int in_line):
    """How many listed entries of a set before, at most, go on under their lists; only to choose the geometry."""
    cdef const uint8_t[::1] view
    cdef const uint8_t *at
    cdef Py_ssize_t codes = len(kept), found = 0, offset, stride
    cdef uint32_t code
    cdef int i
    cdef uint8_t *kept_codes = <uint8_t *>malloc(max(codes, 1))
    if kept_codes == NULL:
        raise MemoryError
    try:
        for i in range(codes):
            kept_codes[i] = kept[i]
        if len(listed):
            view = listed
            stride = LINE if short_ones else 24 + width
            with nogil:
                offset = 0
                while offset + stride <= view.shape[0]:
                    at = &view[offset]
                    offset += stride
                    if not short_ones:
                        code = 0
                        memcpy(&code, at + 24, width)
                        if code < <uint32_t>codes and kept_codes[code]:
                            found += 1
                        continue
                    for i in range(min(<int>at[63] - MARKER, in_line)):
                        code = 0
                        memcpy(&code, at + 8 * in_line + width * i, width)
                        if code < <uint32_t>codes and kept_codes[code]:
                            found += 1
        if len(many):
            view = many
            stride = 12 if short_ones else 28
            offset = stride - 4
            while offset + 4 <= view.shape[0]:
                memcpy(&code, &view[offset], 4)
                offset += stride
                if code < <uint32_t>codes and kept_codes[code]:
                    found += 1
        return found
    finally:
        free(kept_codes)

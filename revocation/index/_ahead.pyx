# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The lines of an index file that is still being written: checked as far as lines alone tell.

What they must agree with comes later, with the tail: how many lines and home lines there are, which codes are
declared, what is gone. ``Check`` asks for that, and goes on behind these lines.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from revocation.index._check_lines cimport FINE, ONE_OCTET, LinesWalk, begin_lines, count_codes, walk_line
from revocation.index._table cimport LINE, PLACES


cdef class LinesAhead:
    """Only of files with codes of one octet, whose lines have seven places."""

    def __cinit__(self):
        self.octets = 1
        begin_lines(&self.lines, &self.form, PLACES - 1, self.octets)

    def take(self, const uint8_t[::1] lines not None):
        """The next ones, all of them or none: False where one of them is not a line as it must be."""
        cdef LinesWalk walk = self.lines
        cdef uint32_t seen[PLACES - 1][ONE_OCTET]
        cdef Py_ssize_t i, count = lines.shape[0] // LINE
        cdef int fault = FINE
        if lines.shape[0] % LINE:
            return False
        memcpy(seen, self.seen, sizeof(seen))
        with nogil:
            for i in range(count):
                fault = walk_line(&walk, &self.form, &lines[i * LINE])
                if fault != FINE:
                    break
                count_codes(seen, &lines[i * LINE])
        if fault != FINE:
            return False
        self.lines = walk
        memcpy(self.seen, seen, sizeof(seen))
        return True

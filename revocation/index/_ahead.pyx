# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The lines of an index file that is still being written: checked as far as lines alone tell.

What they must agree with comes later, with the tail: how many lines and home lines there are, which codes are
declared, what is gone. ``Check`` asks for that, and goes on behind these lines.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from revocation.index._check_lines cimport FINE, LinesWalk, begin_lines, count_codes, walk_line
from revocation.index._octets cimport load32, load64
from revocation.index._table cimport LINE, PLACES


cdef class LinesAhead:
    """Only of files with codes of one octet, whose lines have seven places, or of two, with six."""

    def __cinit__(self, int octets):
        if octets not in (1, 2):
            raise ValueError("expected codes of one octet or two")
        self.octets = octets
        begin_lines(&self.lines, &self.form, PLACES - octets, octets)
        if octets == 2:
            self.wide = <uint32_t *>calloc(TWO_OCTETS, sizeof(uint32_t))
            if self.wide == NULL:
                raise MemoryError

    def __dealloc__(self):
        free(self.wide)

    def take(self, const uint8_t[::1] lines not None):
        """The next ones, all of them or none: False where one of them is not a line as it must be."""
        cdef LinesWalk walk = self.lines
        cdef Py_ssize_t i, count = lines.shape[0] // LINE
        cdef int fault = FINE
        if lines.shape[0] % LINE:
            return False
        with nogil:
            for i in range(count):
                fault = walk_line(&walk, &self.form, &lines[i * LINE])
                if fault != FINE:
                    break
            if fault == FINE and self.octets == 1:
                for i in range(count):
                    count_codes(self.seen, &lines[i * LINE])
            elif fault == FINE:
                for i in range(count):
                    count_wide(self.wide, &lines[i * LINE])
        if fault != FINE:
            return False
        self.lines = walk
        return True


cdef inline void count_wide(uint32_t *wide, const uint8_t *line) noexcept nogil:
    """All six places, because how many are used is chance: an unused one counts for code 0, which is put right later."""
    cdef uint64_t codes = load64(line + 48)
    cdef uint32_t rest = load32(line + 56)
    wide[codes & 0xFFFF] += 1
    wide[codes >> 16 & 0xFFFF] += 1
    wide[codes >> 32 & 0xFFFF] += 1
    wide[codes >> 48] += 1
    wide[rest & 0xFFFF] += 1
    wide[rest >> 16] += 1

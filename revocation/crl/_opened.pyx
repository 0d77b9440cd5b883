# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A file opened to be read: its facts, and its octets mapped where there are many of them.

Python's own calls for this let the interpreter lock go eight times for each of 1,900 lists, and another thread takes
it for as long as it likes each time. Here it is one call to open and one to close.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t
from posix.fcntl cimport O_RDONLY, open
from posix.types cimport off_t

import os

cdef extern from "<fcntl.h>" nogil:
    int O_CLOEXEC

cdef extern from "<unistd.h>" nogil:
    int close(int descriptor)

cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset)
    int munmap(void *address, size_t length)
    int madvise(void *address, size_t length, int advice)
    int PROT_READ, MAP_SHARED, MADV_DONTNEED
    void *MAP_FAILED

cdef extern from "<time.h>":
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec

cdef extern from "<sys/stat.h>" nogil:
    struct stat_facts "stat":
        unsigned long st_dev
        unsigned long st_ino
        unsigned int st_mode
        unsigned int st_uid
        unsigned long st_nlink
        off_t st_size
        timespec st_mtim
        timespec st_ctim
    int fstat(int descriptor, stat_facts *facts)


cdef inline bint is_same_time(const timespec *x, const timespec *y) noexcept nogil:
    return x.tv_sec == y.tv_sec and x.tv_nsec == y.tv_nsec


cdef class OpenedFile:
    """A buffer of the file's octets where it has more than ``unmapped``; else it is for the caller to read.

    The map goes with the last view of it, the descriptor with ``close``.
    """

    #: Of an object that was not made whole it is 0 as well, which is a descriptor of somebody else.
    cdef readonly int descriptor
    cdef bint is_open
    cdef void *mapped
    cdef size_t size
    cdef stat_facts before

    def __cinit__(self, bytes path not None, Py_ssize_t unmapped):
        cdef const char *name = path
        cdef int failure = 0
        self.descriptor = -1
        self.mapped = NULL
        if b"\0" in path:
            raise ValueError("expected a name without a NUL")
        with nogil:
            self.descriptor = open(name, O_RDONLY | O_CLOEXEC)
            # A signal in between, as a network file system may be interrupted by one (PEP 475).
            while self.descriptor < 0 and errno == EINTR:
                with gil:
                    PyErr_CheckSignals()
                self.descriptor = open(name, O_RDONLY | O_CLOEXEC)
            self.is_open = self.descriptor >= 0
            if not self.is_open or fstat(self.descriptor, &self.before) != 0:
                failure = errno
            elif self.before.st_size > unmapped:
                self.size = <size_t>self.before.st_size
                self.mapped = mmap(NULL, self.size, PROT_READ, MAP_SHARED, self.descriptor, 0)
                if self.mapped == MAP_FAILED:
                    failure = errno
                    self.mapped = NULL
        if failure:
            self.close()
            raise OSError(failure, os.strerror(failure))

    def __dealloc__(self):
        # Without letting the lock go: that would take longer.
        if self.mapped != NULL:
            munmap(self.mapped, self.size)
        if self.is_open:
            close(self.descriptor)

    def close(self):
        """The descriptor; views of the octets stay as they are. Any number of times."""
        cdef int descriptor = self.descriptor
        if self.is_open:
            self.is_open = False
            self.descriptor = -1
            with nogil:
                close(descriptor)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if self.mapped == NULL:
            raise BufferError("expected a file that is mapped")
        PyBuffer_FillInfo(buffer, self, self.mapped, <Py_ssize_t>self.size, True, flags)

    def let_go(self, Py_ssize_t start, Py_ssize_t end):
        """Of the pages between two offsets, whole pages: they stay in the page cache."""
        cdef char *at = <char *>self.mapped
        if at == NULL or not 0 <= start <= end <= <Py_ssize_t>self.size:
            raise ValueError("expected offsets inside a mapped file")
        with nogil:
            madvise(at + start, end - start, MADV_DONTNEED)

    @property
    def is_mapped(self):
        return self.mapped != NULL

    @property
    def facts(self):
        """(device, inode, octets, modified ns, changed ns, links, mode, owner) before anything was read."""
        cdef const stat_facts *found = &self.before
        return (
            found.st_dev, found.st_ino, found.st_size,
            found.st_mtim.tv_sec * <int64_t>1_000_000_000 + found.st_mtim.tv_nsec,
            found.st_ctim.tv_sec * <int64_t>1_000_000_000 + found.st_ctim.tv_nsec,
            found.st_nlink, found.st_mode, found.st_uid,
        )

    def is_as_it_was(self):
        """Has nobody written to the file since it was opened?"""
        cdef stat_facts now
        cdef const stat_facts *before = &self.before
        cdef int told
        with nogil:
            told = fstat(self.descriptor, &now)
        if told != 0:
            raise OSError(errno, os.strerror(errno))
        if now.st_size != before.st_size or not is_same_time(&now.st_mtim, &before.st_mtim):
            return False
        # A name that goes, as when the operator puts the next list in its place, moves the change time too.
        return now.st_nlink != before.st_nlink or is_same_time(&now.st_ctim, &before.st_ctim)

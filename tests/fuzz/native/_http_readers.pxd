from libc.stdint cimport uint8_t

from platform_api.ocsp._head cimport HeadAt

cdef int head_of(const uint8_t *octets, Py_ssize_t size, HeadAt *found) noexcept nogil
cdef Py_ssize_t chunked_of(const uint8_t *octets, Py_ssize_t size, uint8_t *out, Py_ssize_t room,
                           Py_ssize_t *body_length) noexcept nogil
cdef Py_ssize_t request_of(const uint8_t *text, Py_ssize_t size, uint8_t *out, Py_ssize_t room) noexcept nogil

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The product's inline readers in a module of their own: this one is checked, what drives it is not."""

from platform_api.ocsp._chunked cimport read_chunked
from platform_api.ocsp._head cimport split_head
from platform_api.ocsp._target cimport request_of_target


cdef int head_of(const uint8_t *octets, Py_ssize_t size, HeadAt *found) noexcept nogil:
    return split_head(octets, size, found)


cdef Py_ssize_t chunked_of(const uint8_t *octets, Py_ssize_t size, uint8_t *out, Py_ssize_t room,
                           Py_ssize_t *body_length) noexcept nogil:
    return read_chunked(octets, size, out, room, body_length)


cdef Py_ssize_t request_of(const uint8_t *text, Py_ssize_t size, uint8_t *out, Py_ssize_t room) noexcept nogil:
    return request_of_target(text, size, out, room)

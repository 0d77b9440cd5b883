# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""``walk_request``, which is inline, as a function that can be built in several ways and called from outside."""

from libc.stdint cimport uint8_t

from revocation.ocsp._request_at cimport RequestAt
from revocation.ocsp._request_walk cimport walk_request


cdef int walked(const uint8_t *octets, Py_ssize_t size, RequestAt *found) noexcept nogil:
    return walk_request(octets, size, found)


def address():
    """Of ``walked``, for who knows its signature."""
    return <size_t><void *>walked

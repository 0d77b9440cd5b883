# cython: language_level=3
"""Durations, and comparing what is secret: small things that each connection needs."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t

cdef extern from "time.h" nogil:
    ctypedef int clockid_t
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(clockid_t clock, timespec *at)
    clockid_t CLOCK_MONOTONIC

cdef extern from *:
    """
    /* LATENCY_NS of workers/counts.py; a test compares. */
    static const unsigned long long jpki_bounds_ns[11] = {
        50000ULL, 100000ULL, 250000ULL, 500000ULL, 1000000ULL, 2500000ULL, 5000000ULL, 10000000ULL,
        25000000ULL, 100000000ULL, 1000000000ULL,
    };
    """
    const uint64_t *jpki_bounds_ns


cdef inline uint64_t monotonic_ns() noexcept nogil:
    cdef timespec at
    clock_gettime(CLOCK_MONOTONIC, &at)
    return <uint64_t>at.tv_sec * 1_000_000_000 + <uint64_t>at.tv_nsec


cdef inline int bucket_of(uint64_t ns) noexcept nogil:
    """Which latency bucket (``counts.py``); the last one takes what is above all bounds."""
    cdef int i = 0
    while i < 11 and ns > jpki_bounds_ns[i]:
        i += 1
    return i


cdef inline bint same(bytes held, const uint8_t *octets, Py_ssize_t length) noexcept:
    """Are these the same octets? In a time that does not tell where they differ."""
    cdef const uint8_t *other
    cdef uint8_t differ = 0
    cdef Py_ssize_t i
    if held is None or PyBytes_GET_SIZE(held) != length:
        return False
    other = <const uint8_t *>PyBytes_AS_STRING(held)
    for i in range(length):
        differ |= octets[i] ^ other[i]
    return differ == 0

"""The keyed order of an index file (FORMAT.md, "Keys"): mixing a serial into its key and back.

Inline, because builder and reader do it for every entry. Nothing here can fail or touch memory beyond its arguments.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "the index is read and written as it stands in memory: build it for a little-endian machine"
    #endif
    static inline unsigned long long swapped64(unsigned long long x) { return __builtin_bswap64(x); }
    static inline unsigned int swapped32(unsigned int x) { return __builtin_bswap32(x); }
    """
    uint64_t swapped64(uint64_t x) noexcept nogil
    uint32_t swapped32(uint32_t x) noexcept nogil


cdef enum:
    KEY_OCTETS = 40


cdef struct Mixing:
    uint64_t l0, l1, l2
    uint32_t s0, s1, s2, s3


cdef struct LongKey:
    uint64_t m, b0
    uint32_t b1


cdef inline void read_mixing(const uint8_t *key, Mixing *mixing) noexcept nogil:
    memcpy(&mixing.l0, key, 8)
    memcpy(&mixing.l1, key + 8, 8)
    memcpy(&mixing.l2, key + 16, 8)
    memcpy(&mixing.s0, key + 24, 4)
    memcpy(&mixing.s1, key + 28, 4)
    memcpy(&mixing.s2, key + 32, 4)
    memcpy(&mixing.s3, key + 36, 4)


cdef inline uint32_t mix32(const Mixing *k, uint32_t x) noexcept nogil:
    x ^= k.s0
    x *= k.s1 | 1
    x ^= x >> 16
    x *= k.s2 | 1
    x ^= x >> 15
    x *= k.s3 | 1
    return x ^ (x >> 16)


cdef inline uint32_t inverse32(uint32_t odd) noexcept nogil:
    """Of an odd number modulo 2**32: each step doubles the bits that are right, three at first."""
    cdef uint32_t x = odd
    cdef int i
    for i in range(4):
        x *= 2 - odd * x
    return x


cdef inline uint64_t inverse64(uint64_t odd) noexcept nogil:
    cdef uint64_t x = odd
    cdef int i
    for i in range(5):
        x *= 2 - odd * x
    return x


cdef inline uint32_t unmix32(const Mixing *k, uint32_t x) noexcept nogil:
    x ^= x >> 16
    x *= inverse32(k.s3 | 1)
    x ^= (x >> 15) ^ (x >> 30)
    x *= inverse32(k.s2 | 1)
    x ^= x >> 16
    x *= inverse32(k.s1 | 1)
    return x ^ k.s0


cdef inline uint64_t mix64(uint64_t x, uint64_t k) noexcept nogil:
    x ^= k
    x *= <uint64_t>0x9E3779B97F4A7C15
    x ^= x >> 32
    x *= k | 1
    x ^= x >> 29
    x *= <uint64_t>0xBF58476D1CE4E5B9
    return x ^ (x >> 32)


cdef inline uint64_t unmix64(uint64_t x, uint64_t k) noexcept nogil:
    x ^= x >> 32
    x *= inverse64(<uint64_t>0xBF58476D1CE4E5B9)
    x ^= (x >> 29) ^ (x >> 58)
    x *= inverse64(k | 1)
    x ^= x >> 32
    x *= inverse64(<uint64_t>0x9E3779B97F4A7C15)
    return x ^ k


cdef inline uint64_t below_key(const Mixing *k, uint64_t b0, uint32_t b1) noexcept nogil:
    """What the lowest 8 octets of a long serial are mixed with."""
    return mix64(b0 ^ mix64(b1, k.l2), k.l1)


cdef inline LongKey mix_long(const Mixing *k, uint64_t a, uint64_t b0, uint32_t b1) noexcept nogil:
    cdef LongKey key
    key.m = mix64(a ^ below_key(k, b0, b1), k.l0)
    key.b0 = b0
    key.b1 = b1
    return key


cdef inline uint64_t unmix_long(const Mixing *k, const LongKey *key) noexcept nogil:
    """The lowest 8 octets of the serial."""
    return unmix64(key.m, k.l0) ^ below_key(k, key.b0, key.b1)


cdef inline int compare_long(const LongKey *x, const LongKey *y) noexcept nogil:
    if x.m != y.m:
        return -1 if x.m < y.m else 1
    if x.b0 != y.b0:
        return -1 if x.b0 < y.b0 else 1
    if x.b1 != y.b1:
        return -1 if x.b1 < y.b1 else 1
    return 0


cdef inline bint is_short(uint64_t a, uint64_t b0, uint32_t b1) noexcept nogil:
    """Does a sign-extended serial belong to the short ones: 0 to 2**32 - 1?"""
    return b1 == 0 and b0 == 0 and a >> 32 == 0


cdef inline void split_serial(const uint8_t *octets, Py_ssize_t size, uint64_t *a, uint64_t *b0, uint32_t *b1) noexcept nogil:
    """Sign-extend the content octets of an INTEGER, 1 to 20 of them, and cut them into 8, 8 and 4."""
    cdef uint8_t wide[20]
    cdef uint8_t sign = 0xFF if octets[0] & 0x80 else 0
    cdef Py_ssize_t i
    for i in range(20 - size):
        wide[i] = sign
    memcpy(wide + 20 - size, octets, size)
    memcpy(b1, wide, 4)
    memcpy(b0, wide + 4, 8)
    memcpy(a, wide + 12, 8)
    b1[0] = swapped32(b1[0])
    b0[0] = swapped64(b0[0])
    a[0] = swapped64(a[0])


cdef inline Py_ssize_t join_serial(uint64_t a, uint64_t b0, uint32_t b1, uint8_t *octets) noexcept nogil:
    """The inverse, into 20 octets; answers where the shortest form begins (X.690 section 8.3.2)."""
    cdef Py_ssize_t at = 0
    b1 = swapped32(b1)
    b0 = swapped64(b0)
    a = swapped64(a)
    memcpy(octets, &b1, 4)
    memcpy(octets + 4, &b0, 8)
    memcpy(octets + 12, &a, 8)
    while at < 19 and (
        (octets[at] == 0 and octets[at + 1] < 0x80) or (octets[at] == 0xFF and octets[at + 1] >= 0x80)
    ):
        at += 1
    return at

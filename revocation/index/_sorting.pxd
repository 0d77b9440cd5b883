"""Sorting the records of one bucket: words of 8 octets, by a few of their highest bits, then what is left.

Inline, for the arena alone. Keys are mixed with numbers that nobody outside knows: the highest bits of a key, some
more than it takes to count the bucket's records, tell nearly all of them apart. Two passes over as many bits bring
the words into that order, without a comparison; few are left to be moved past a neighbour. Where many are (one
serial many times), that is given up for a sort that no order of records makes slow.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy, memset

from revocation.index._octets cimport load32, load64

cdef enum:
    FEW = 48                   # records for which a pass is not worth its places
    SPARE_BITS = 4             # beyond those that count the records: one of 32 then has to be moved
    MOST_BITS = 11             # of a pass: the places written at a time lie in the nearer caches
    PLACES = 1 << MOST_BITS
    MOVES = 32                 # for each record, all in all, before it is given up
    LONG_RECORD = 28


cdef struct Sorter:
    uint64_t *words            # PACKED records; or 32 bits of the key, and 32 of where the record is
    uint64_t *others           # room for as many
    uint8_t *records           # where the words do not say all of them
    uint32_t low[PLACES]
    uint32_t high[PLACES]


cdef inline void spread(const uint64_t *words, uint64_t *into, Py_ssize_t count, int shift, uint32_t mask,
                        uint32_t *places) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint64_t word
    cdef uint32_t digit
    for i in range(count):
        word = words[i]
        digit = <uint32_t>(word >> shift) & mask
        into[places[digit]] = word
        places[digit] += 1


cdef inline void sort_by_digits(Sorter *sorter, Py_ssize_t count, int top) noexcept nogil:
    """The words by their bits from ``top`` down, so many as it takes; equal ones stay in their order."""
    cdef int bits = 1
    cdef Py_ssize_t i
    cdef uint32_t mask, low = 0, high = 0, here
    cdef uint64_t word
    while bits < MOST_BITS and count >> (2 * bits - SPARE_BITS if 2 * bits > SPARE_BITS else 0) != 0:
        bits += 1
    mask = (<uint32_t>1 << bits) - 1
    memset(sorter.low, 0, (<size_t>1 << bits) * sizeof(uint32_t))
    memset(sorter.high, 0, (<size_t>1 << bits) * sizeof(uint32_t))
    for i in range(count):
        word = sorter.words[i] >> (top - 2 * bits)
        sorter.low[<uint32_t>word & mask] += 1
        sorter.high[<uint32_t>(word >> bits) & mask] += 1
    for i in range(<Py_ssize_t>1 << bits):
        here = sorter.low[i]
        sorter.low[i] = low
        low += here
        here = sorter.high[i]
        sorter.high[i] = high
        high += here
    spread(sorter.words, sorter.others, count, top - 2 * bits, mask, sorter.low)
    spread(sorter.others, sorter.words, count, top - bits, mask, sorter.high)


cdef inline int order_long(const uint8_t *x, const uint8_t *y) noexcept nogil:
    """By key. Of equal ones any may come first: uniting them does not depend on it."""
    cdef uint64_t a = load64(x), b = load64(y)
    if a == b:
        a = load64(x + 8)
        b = load64(y + 8)
    if a == b:
        a = load32(x + 16)
        b = load32(y + 16)
    return (a > b) - (a < b)


cdef inline int by_word(const void *x, const void *y) noexcept nogil:
    cdef uint64_t a = load64(<const uint8_t *>x), b = load64(<const uint8_t *>y)
    return (a > b) - (a < b)


cdef inline int by_long(const void *x, const void *y) noexcept nogil:
    return order_long(<const uint8_t *>x, <const uint8_t *>y)


cdef inline bint after(uint64_t x, uint64_t y, const uint8_t *records) noexcept nogil:
    """Does x belong behind y? ``records``: where the words have not the whole key, else NULL."""
    if records == NULL or (x ^ y) >> 32 != 0:
        return x > y
    return order_long(
        records + <Py_ssize_t>(<uint32_t>x) * LONG_RECORD, records + <Py_ssize_t>(<uint32_t>y) * LONG_RECORD) > 0


cdef inline bint insert_rest(uint64_t *words, Py_ssize_t count, const uint8_t *records) noexcept nogil:
    """What the digits left where it was; False where that takes too long."""
    cdef Py_ssize_t i, j, moves = MOVES * count
    cdef uint64_t held
    for i in range(1, count):
        held = words[i]
        if not after(words[i - 1], held, records):
            continue
        j = i
        while j > 0 and after(words[j - 1], held, records):
            words[j] = words[j - 1]
            j -= 1
        words[j] = held
        moves -= i - j
        if moves < 0:
            return False
    return True


cdef inline void sort_words(Sorter *sorter, Py_ssize_t count, int top) noexcept nogil:
    """Words that have the whole key, from bit ``top`` down."""
    if count > FEW:
        sort_by_digits(sorter, count, top)
    if not insert_rest(sorter.words, count, NULL):
        qsort(sorter.words, count, sizeof(uint64_t), by_word)


cdef inline void sort_long(Sorter *sorter, Py_ssize_t count) noexcept nogil:
    """Words of the beginning of a key; the rest of it is in ``records``, which may be moved."""
    cdef Py_ssize_t i
    if count > FEW:
        sort_by_digits(sorter, count, 64)
    if not insert_rest(sorter.words, count, sorter.records):
        qsort(sorter.records, count, LONG_RECORD, by_long)
        for i in range(count):
            sorter.words[i] = i

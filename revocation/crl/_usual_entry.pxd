"""Entries in the shape that nearly all have, told by a few comparisons of eight octets at once.

    30 LL 02 SL serial 17 0D YYMMDDHHMMSSZ [30 0C 30 0A 06 03 55 1D 15 04 03 0A 01 RR]

A serial of 1 to 20 octets, a UTCTime, a reasonCode that is not critical or nothing. All that is wrong, or
only rare, is left to the walk's general path, which decides it; so this path never refuses anything. Nothing
is looked at before the largest such entry is known to fit, and nearly nothing branches: what stands in a
list is random to the processor. Only the day is: where it is that of the entry before, it was checked there.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.crl._element cimport MAX_SERIAL, REASON_ABSENT, RECORD, Walk
from revocation.crl._entry_fields cimport days_in_month, days_since_1970

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define OCTETS_IN_ORDER 1
    #else
    #define OCTETS_IN_ORDER 0   /* such a host takes the general path for every entry */
    #endif
    """
    const bint OCTETS_IN_ORDER


cdef enum:
    # The largest such entry has 53 octets, and no read goes beyond them.
    ROOM = 53
    MONTHS = 100 * 16
    EDGE = 44


# Octets 17 0D YY MM DD and, from the last digit of the day on, D HH MM SS Z; less than ten above "0".
cdef extern from *:
    """
    #define DAY_FORM    0x3030303030300D17ULL
    #define DAY_ROOM    0x7676767676767F7FULL
    #define DAY_OF_1970 0x3130313030370D17ULL   /* 17 0D 700101 */
    #define TIME_FORM   0x5A30303030303030ULL
    #define TIME_ROOM   0x7F76767676767676ULL
    /* 30 0C 30 0A 06 03 55 1D, and from 55 on: 55 1D 15 04 03 0A 01 RR, RR below 0x80 */
    #define REASON_HEAD 0x1D5503060A300C30ULL
    #define REASON_TAIL 0x00010A0304151D55ULL
    #define REASON_OPEN 0x80FFFFFFFFFFFFFFULL
    """
    const uint64_t DAY_FORM, DAY_ROOM, DAY_OF_1970, TIME_FORM, TIME_ROOM, REASON_HEAD, REASON_TAIL, REASON_OPEN


cdef struct Usual:
    # By year of the century * 16 + month: (days from 1970 to the month's day 0) * 32 + days in the month.
    int32_t months[MONTHS]
    # 21 octets of ones, then zeros: read from 20 - SL on, a mask for SL octets and the one before them.
    uint8_t edge[EDGE]


cdef inline void prepare_usual(Usual *usual) noexcept nogil:
    cdef int year, month, full
    for year in range(100):
        for month in range(16):
            usual.months[year * 16 + month] = 0
            if 1 <= month <= 12:
                # RFC 5280 section 4.1.2.5.1: 50 and more is 19YY, less is 20YY.
                full = year + (1900 if year >= 50 else 2000)
                usual.months[year * 16 + month] = <int32_t>(
                    (days_since_1970(full, month, 1) - 1) * 32 + days_in_month(full, month))
    for year in range(EDGE):
        usual.edge[year] = 0xFF if year <= MAX_SERIAL else 0


cdef inline uint64_t octets8(const uint8_t *at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint32_t octets4(const uint8_t *at) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, at, 4)
    return word


cdef inline uint64_t not_digits(uint64_t digits, uint64_t room) noexcept nogil:
    """Not 0 where an octet is over 9, or over 0 where its room says so: then its highest bit is set."""
    return ((digits + room) | digits) & 0x8080808080808080ULL


cdef inline bint read_day(uint64_t octets, const Usual *usual, int64_t *midnight) noexcept nogil:
    """17 0D YY MM DD: the seconds from 1970 to its midnight; False where that is no day."""
    cdef uint64_t day = octets ^ DAY_FORM
    cdef uint64_t wrong = not_digits(day, DAY_ROOM)
    cdef int32_t month, day_of_month
    # Two digits make a number in the octet of the first one.
    day = day * 10 + (day >> 8)
    # Month below 16: else the highest bit is set.
    wrong |= (day + (<uint64_t>(0x80 - 16) << 32)) & <uint64_t>0x80 << 32
    if wrong != 0:
        return False
    month = usual.months[((day >> 16) & 0xFF) * 16 + ((day >> 32) & 0x0F)]
    day_of_month = (day >> 48) & 0xFF
    midnight[0] = (<int64_t>(month >> 5) + day_of_month) * 86400
    # Day 0 becomes a large one; a month that there is not has no days.
    return <uint32_t>(day_of_month - 1) < <uint32_t>(month & 31)


cdef inline void take_usual_entries(Walk *walk, const Usual *usual) noexcept nogil:
    """As many records as entries of this shape follow each other, while there is room for both."""
    cdef const uint8_t *data = walk.data
    cdef const uint8_t *entry
    cdef const uint8_t *date
    cdef const uint8_t *edge
    cdef uint8_t *record = walk.out + walk.count * RECORD
    cdef uint8_t *full = walk.out + walk.capacity * RECORD
    cdef Py_ssize_t at = walk.at
    cdef Py_ssize_t last = walk.end - ROOM
    # The last day that was read, and its midnight; before the first one that which begins with second 0.
    cdef uint64_t known_day = DAY_OF_1970
    cdef uint64_t day, clock, wrong, if_reason, tail, word
    # In a v1 list a reason is wrong (RFC 5280 section 5.1.2.1): then no number of octets is one's.
    cdef uint32_t reason_octets = 14 if walk.extensions_allowed else 0xFFFFFFFF
    cdef uint32_t head, size, length, rest, sign
    cdef int64_t midnight = 0, seconds
    while at <= last and record != full:
        entry = data + at
        head = octets4(entry)
        size = head >> 24
        length = head >> 8 & 0xFF
        # One branch before the serial's size moves any read: tags 30 and 02, 1 to 20 octets.
        if (head & 0x00FF00FF) != 0x00020030 or size - 1 >= MAX_SERIAL:
            break
        date = entry + 4 + size
        day = octets8(date)
        if day != known_day:
            if not read_day(day, usual, &midnight):
                break
            known_day = day
        clock = octets8(date + 7) ^ TIME_FORM
        wrong = not_digits(clock, TIME_ROOM)
        # Two digits make a number in the octet of the first one; of these three alone.
        clock = (clock * 10 + (clock >> 8)) & 0x0000FF00FF00FF00ULL
        # Hour below 24, minute and second below 60: else the highest bit is set.
        wrong |= (clock + 0x0000440044006800ULL) & 0x0000800080008000ULL
        # X.690 section 8.3.2: the first nine bits neither all 0 nor all 1. (One octet is judged with
        # the tag after it: a serial of 0 goes the general way.)
        sign = (<uint32_t>entry[4] << 8 | entry[5]) >> 7
        wrong |= ((sign + 1) & 0x1FE) == 0
        # After serial and date either nothing or 14 octets: then all of these count, else none.
        rest = length - size - 17
        if_reason = 0 - <uint64_t>(rest == reason_octets)
        wrong |= rest ^ (if_reason & 14)
        tail = octets8(date + 21)
        wrong |= if_reason & ((octets8(date + 15) ^ REASON_HEAD) | ((tail ^ REASON_TAIL) & REASON_OPEN))
        if wrong != 0:
            break
        # From bit 40 on stand the seconds; multiplied, what hours and minutes are worth, in fours of seconds.
        seconds = midnight + (clock >> 40) + ((clock * 0x00000384000F0000ULL >> 40) & 0xFFFF) * 4
        # The serial's size stands before it, here as there; behind it zeros.
        edge = usual.edge + MAX_SERIAL - size
        word = octets8(entry + 3) & octets8(edge)
        memcpy(record, &word, 8)
        word = octets8(entry + 11) & octets8(edge + 8)
        memcpy(record + 8, &word, 8)
        # Serial to octet 20, reason in 21, flags and zero in 22 and 23.
        word = octets8(entry + 19) & octets8(edge + 16)
        word |= ((tail >> 56) | (~if_reason & REASON_ABSENT)) << 40
        memcpy(record + 16, &word, 8)
        memcpy(record + 24, &seconds, 8)
        record += RECORD
        at += 2 + length
    walk.at = at
    walk.count = (record - walk.out) // RECORD

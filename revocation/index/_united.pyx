# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Uniting the entries of one serial, of one list or of several: most severe reason, newest list, earliest date.

Rare, so it may take its time; yet a list of nothing but repetitions must not take longer than its length.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from revocation.index._entry cimport Buffer, Entry, Row, extend, key_octets, put_key

cdef enum:
    PARTITIONS = 65536
    NO_CODE = 0xFFFFFFFF

#: The duplicate that counts is the one with the greatest severity (FORMAT.md, "One entry for each serial").
cdef uint8_t[256] SEVERITY
cdef int _code
for _code in range(256):
    SEVERITY[_code] = 3          # unspecified, absent and every code that RFC 5280 does not know
SEVERITY[2] = 9                  # cACompromise
SEVERITY[10] = 8                 # aACompromise
SEVERITY[1] = 7                  # keyCompromise
SEVERITY[9] = 6                  # privilegeWithdrawn
SEVERITY[5] = 5                  # cessationOfOperation
SEVERITY[3] = 4                  # affiliationChanged
SEVERITY[4] = 4                  # superseded
SEVERITY[8] = 2                  # removeFromCRL in a complete list: an anomaly, stays revoked
SEVERITY[6] = 1                  # certificateHold: the only one that could come back


cdef int open_group(Group *group) except -1:
    memset(group, 0, sizeof(Group))
    group.ranks = <int64_t *>calloc(PARTITIONS, sizeof(int64_t))
    group.slots = <int32_t *>malloc(PARTITIONS * sizeof(int32_t))
    if group.ranks == NULL or group.slots == NULL:
        raise MemoryError
    memset(group.slots, 0xFF, PARTITIONS * sizeof(int32_t))
    return 0


cdef void close_group(Group *group) noexcept nogil:
    free(group.ranks)
    free(group.slots)
    free(group.own.data)


cdef bint note(Group *group, const Entry *entry) noexcept nogil:
    cdef const Row *row = &group.rows[entry.code]
    cdef int64_t date = (<int64_t>row.high << 32) + entry.date
    cdef int32_t slot = group.slots[row.partition]
    cdef Own *own
    if slot < 0:
        own = <Own *>extend(&group.own, sizeof(Own))
        if own == NULL:
            return False
        group.slots[row.partition] = <int32_t>(group.own.used // <Py_ssize_t>sizeof(Own) - 1)
        own.date = date
        own.partition = row.partition
        own.reason = row.reason
        own.flags = row.flags
        return True
    own = <Own *>group.own.data + slot
    if own.reason != row.reason or own.flags != row.flags or own.date != date:
        group.differs = True
    own.date = min(own.date, date)
    if SEVERITY[row.reason] > SEVERITY[own.reason] or (
        SEVERITY[row.reason] == SEVERITY[own.reason]
        and (row.reason < own.reason or (row.reason == own.reason and row.flags < own.flags))
    ):
        own.reason = row.reason
        own.flags = row.flags
    return True


cdef bint unite(Group *group, bint short_ones, Entry *result, Buffer *shared, bint *conflicting) noexcept nogil:
    cdef Py_ssize_t count = group.own.used // <Py_ssize_t>sizeof(Own), i
    cdef Own *own = <Own *>group.own.data
    cdef Own *best = own
    cdef int64_t date
    for i in range(count):
        group.slots[own[i].partition] = -1
        if own[i].reason != own[0].reason or own[i].flags != own[0].flags or own[i].date != own[0].date:
            group.differs = True
    conflicting[0] = group.differs
    group.differs = False
    by_partition(own, count)
    date = own[0].date
    for i in range(1, count):
        date = min(date, own[i].date)
        # Of equal severity the newer list's, then the lower partition's, which came first.
        if SEVERITY[own[i].reason] > SEVERITY[best.reason] or (
            SEVERITY[own[i].reason] == SEVERITY[best.reason]
            and group.ranks[own[i].partition] > group.ranks[best.partition]
        ):
            best = own + i
    if count > 1:
        for i in range(count):
            if not share(group, short_ones, result, &own[i], shared):
                return False
    result.date = <uint32_t>date
    result.code = row_of(group, best, date)
    group.own.used = 0
    return result.code != NO_CODE


cdef void by_partition(Own *own, Py_ssize_t count) noexcept nogil:
    """Few: only lists that share a serial meet here."""
    cdef Own held
    cdef Py_ssize_t i, j
    for i in range(1, count):
        held = own[i]
        j = i
        while j > 0 and own[j - 1].partition > held.partition:
            own[j] = own[j - 1]
            j -= 1
        own[j] = held


cdef bint share(Group *group, bint short_ones, const Entry *key, const Own *own, Buffer *shared) noexcept nogil:
    """A record of SMNY or LMNY."""
    cdef Py_ssize_t octets = key_octets(short_ones)
    cdef uint8_t *record = extend(shared, octets + 8)
    cdef uint32_t date = <uint32_t>own.date, code = row_of(group, own, own.date)
    if record == NULL or code == NO_CODE:
        return False
    put_key(record, short_ones, key)
    memcpy(record + octets, &date, 4)
    memcpy(record + octets + 4, &code, 4)
    return True


cdef uint32_t row_of(const Group *group, const Own *own, int64_t date) noexcept nogil:
    """The row with that date's upper half; codes.py has made one for each that may be wanted."""
    cdef int32_t high = <int32_t>(date >> 32)
    cdef const Row *row
    cdef Py_ssize_t i
    for i in range(group.rows_count):
        row = &group.rows[i]
        if (row.partition == own.partition and row.reason == own.reason and row.flags == own.flags
                and row.high == high):
            return <uint32_t>i
    return NO_CODE

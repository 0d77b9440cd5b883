# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Which of many serials of one issuer get the same answer: everything that ``status.py`` looks at is the same.

Nothing is decided here. An item's kind is what the decision rests on: whether the serial is listed or gone, in
which partition, on hold or not; of others, whether the CA can have issued them.
"""

from cpython cimport array
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

import array

from revocation.reasons import CRLReason

cdef enum:
    OCTETS = 20
    LEFT_OUT = 0
    CAN_BE_ISSUED = 1
    CANNOT_BE_ISSUED = 2
    #: From here on: partition, gone, on hold, without a date (which no entry of a verified file is).
    LISTED = 8
    NO_GROUP = 0xFFFFFFFF

cdef uint8_t HOLD = CRLReason.certificate_hold


cdef struct Limit:
    # The greatest serial that the CA can have issued.
    bint is_set
    bint beyond_numbers  # above every number of 64 bits
    uint64_t number
    uint8_t wide[OCTETS]


cdef struct Slot:
    uint32_t kind  # 0: free
    uint32_t group


def grouped(serials, states, reasons, partitions, dates, highest, bytes left_out):
    """(group of each serial as an ``array`` of I; of each group its kind, and its first serial's place).

    ``serials``: an ``array`` of Q, or of B with 20 octets for each, sign-extended and big-endian. The columns are
    those of ``Index.get_many``, or empty where nothing can be listed. ``highest``: the CA's ceiling, or None.
    ``left_out``: empty, or an octet for each serial; what has a 1 there is a group of its own.
    """
    cdef const uint8_t[::1] octets = memoryview(serials).cast("B")
    cdef bint wide = serials.typecode == "B"
    cdef Py_ssize_t count = octets.shape[0] // (OCTETS if wide else 8)
    cdef const uint8_t[::1] state = states
    cdef const uint8_t[::1] reason = reasons
    cdef const uint16_t[::1] partition = partitions
    cdef const int64_t[::1] date = dates
    cdef const uint8_t[::1] out = left_out
    cdef bint any_listed = state.shape[0] > 0, any_out = out.shape[0] > 0
    cdef Limit limit = limit_of(highest)
    cdef uint32_t few[LISTED]
    cdef array.array which = array.clone(array.array("I"), count, zero=False)
    cdef uint32_t *group_of = <uint32_t *>which.data.as_uints
    cdef Slot *slots = NULL
    cdef Slot *slot
    cdef Py_ssize_t i, listed = 0, mask
    cdef uint32_t kind, last = 0, group = 0
    cdef list kinds = [], firsts = []
    if (serials.typecode not in ("Q", "B") or octets.shape[0] % (OCTETS if wide else 8)
            or (any_out and out.shape[0] != count)
            or (any_listed and not count == state.shape[0] == reason.shape[0] == partition.shape[0] == date.shape[0])):
        raise ValueError("expected columns of one length")
    if any_listed:
        for i in range(count):
            listed += state[i] != 0
    mask = 64
    while mask < 2 * listed:
        mask *= 2
    slots = <Slot *>calloc(mask, sizeof(Slot))
    if slots == NULL:
        raise MemoryError
    mask -= 1
    for i in range(LISTED):
        few[i] = NO_GROUP
    try:
        for i in range(count):
            if any_out and out[i]:
                kind = LEFT_OUT
            elif any_listed and state[i] != 0:
                kind = LISTED | <uint32_t>partition[i] << 4 | (date[i] == NO_TIME) << 2
                kind |= (state[i] != 1) << 1 | (reason[i] == HOLD)
                if kind != last:
                    slot = &slots[(kind * <uint32_t>0x9E3779B1 >> 7) & mask]
                    while slot.kind != 0 and slot.kind != kind:
                        slot = slot + 1 if slot < slots + mask else slots
                    if slot.kind == 0:
                        slot.kind = kind
                        slot.group = <uint32_t>len(kinds)
                        kinds.append(kind)
                        firsts.append(i)
                    last = kind
                    group = slot.group
                group_of[i] = group
                continue
            elif wide:
                kind = CAN_BE_ISSUED if wide_within(&octets[i * OCTETS], &limit) else CANNOT_BE_ISSUED
            else:
                kind = CAN_BE_ISSUED if number_within(&octets[i * 8], &limit) else CANNOT_BE_ISSUED
            if few[kind] == NO_GROUP:
                few[kind] = <uint32_t>len(kinds)
                kinds.append(kind)
                firsts.append(i)
            group_of[i] = few[kind]
    finally:
        free(slots)
    return which, kinds, firsts


cdef int64_t NO_TIME = -(<int64_t>1 << 62) * 2

cdef Limit limit_of(highest):
    cdef Limit limit
    cdef bytes octets
    limit.is_set = highest is not None
    limit.beyond_numbers = False
    limit.number = 0
    if limit.is_set:
        octets = highest.to_bytes(OCTETS, "big")
        memcpy(limit.wide, <const char *>octets, OCTETS)
        limit.beyond_numbers = highest >> 64 != 0
        limit.number = highest & 0xFFFFFFFFFFFFFFFF
    return limit


cdef inline bint number_within(const uint8_t *at, const Limit *limit) noexcept nogil:
    cdef uint64_t number
    memcpy(&number, at, 8)
    return number != 0 and (not limit.is_set or limit.beyond_numbers or number <= limit.number)


cdef inline bint wide_within(const uint8_t *at, const Limit *limit) noexcept nogil:
    """Above zero (RFC 5280 section 4.1.2.2), and not above the limit."""
    cdef int i
    cdef uint8_t every = 0
    for i in range(OCTETS):
        every |= at[i]
    return every != 0 and at[0] < 0x80 and (not limit.is_set or memcmp(at, limit.wide, OCTETS) <= 0)

# cython: language_level=3, boundscheck=True, wraparound=False
"""The loops over packed records: sort, unite duplicates, find, check, compare. FORMAT.md has the layout.

Every function takes buffers and checks their length against the stride before the first access; inside,
offsets are products of an index below the count and the stride, so they cannot leave the buffer.
"""

from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

DEF SOURCE = 32      # a record as the decoder gives it
DEF ENTRY = 34       # the same and the partition number, little-endian u16
DEF GONE = 40        # an entry, u16 flags, u32 the last set that listed it
DEF KEY = 21         # length octet and serial, zero-padded: the order of the file
DEF SERIAL_MAX = 20
DEF HOLD = 6         # certificateHold

SOURCE_SIZE = SOURCE
ENTRY_SIZE = ENTRY
GONE_SIZE = GONE
KEY_SIZE = KEY

ctypedef const unsigned char* octets

#: The duplicate that counts is the one with the greatest severity (FORMAT.md, "One entry for each serial").
cdef unsigned char[256] SEVERITY
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


cdef int _by_record(const void* left, const void* right) noexcept nogil:
    # Key, then partition, then the rest: a total order, so the same records give the same bytes.
    cdef octets a = <octets>left
    cdef octets b = <octets>right
    cdef int order = memcmp(a, b, KEY)
    if order == 0:
        order = (a[32] | (a[33] << 8)) - (b[32] | (b[33] << 8))
    if order == 0:
        order = memcmp(a + KEY, b + KEY, SOURCE - KEY)
    return order


cdef long long _date(octets record) noexcept nogil:
    # Little-endian, whatever the machine: assembled octet by octet.
    cdef unsigned long long value = 0
    cdef int at
    for at in range(8):
        value |= (<unsigned long long>record[24 + at]) << (8 * at)
    return <long long>value


cdef Py_ssize_t _count(const unsigned char[::1] records, Py_ssize_t stride) except -1:
    if records.shape[0] % stride:
        raise ValueError(f"expected whole records of {stride} octets, got {records.shape[0]} octets")
    return records.shape[0] // stride


def collect(parts, const unsigned char[::1] carried=b""):
    """Join (partition number, source records) and entries that are ``carried`` into sorted 34-octet entries;
    duplicates stay in.
    """
    cdef Py_ssize_t taken = _count(carried, ENTRY)
    cdef Py_ssize_t total = taken, at = 0, index, count
    cdef const unsigned char[::1] source
    cdef unsigned char[::1] target
    cdef unsigned int number
    listed = []
    for partition, records in parts:
        if not 0 < partition <= 0xFFFF:
            raise ValueError("expected a partition number of 1 to 65535")
        if len(records):
            source = records
            total += _count(source, SOURCE)
            listed.append((partition, records))
    joined = bytearray(total * ENTRY)
    if not total:
        return joined
    target = joined
    if taken:
        memcpy(&target[0], &carried[0], taken * ENTRY)
        at = taken * ENTRY
    for partition, records in listed:
        source = records
        number = partition
        count = source.shape[0] // SOURCE
        for index in range(count):
            memcpy(&target[at], &source[index * SOURCE], SOURCE)
            target[at + 32] = number & 0xFF
            target[at + 33] = number >> 8
            at += ENTRY
    with nogil:
        qsort(&target[0], total, ENTRY, _by_record)
    return joined


def carry(const unsigned char[::1] entries, const unsigned char[::1] shared, numbers):
    """The own entries of the lists of these partitions, from a set's ENTR and MANY sections.

    Where several lists name a serial, its united entry has one partition: each list's own is taken instead.
    """
    cdef Py_ssize_t count = _count(entries, ENTRY), others = _count(shared, ENTRY)
    cdef Py_ssize_t index, other = 0, kept = 0
    cdef int order
    cdef octets record
    cdef unsigned char[::1] known, target
    wanted = bytearray(65536)
    for number in numbers:
        if not 0 < number <= 0xFFFF:
            raise ValueError("expected a partition number of 1 to 65535")
        wanted[number] = 1
    if not numbers or not count + others:
        return b""
    known = wanted
    found = bytearray((count + others) * ENTRY)
    target = found
    for index in range(count):
        record = &entries[index * ENTRY]
        order = 1
        while other < others:
            order = memcmp(&shared[other * ENTRY], record, KEY)
            if order >= 0:
                break
            other += 1
        if other < others and order == 0:
            continue
        if known[record[32] | (record[33] << 8)]:
            memcpy(&target[kept * ENTRY], record, ENTRY)
            kept += 1
    for index in range(others):
        record = &shared[index * ENTRY]
        if known[record[32] | (record[33] << 8)]:
            memcpy(&target[kept * ENTRY], record, ENTRY)
            kept += 1
    return bytes(memoryview(found)[: kept * ENTRY])


def depart(
    const unsigned char[::1] entries,
    const unsigned char[::1] gone,
    const unsigned char[::1] listed,
    unsigned int last_seq,
    unsigned short held_flag,
    bint release_holds,
):
    """The new GONE section: what a set had in ENTR (until ``last_seq``) or GONE and nobody lists now.

    A hold among them is left out where ``release_holds``; otherwise it leaves ENTR with ``held_flag``.
    """
    cdef Py_ssize_t count = _count(entries, ENTRY), before = _count(gone, GONE), now = _count(listed, ENTRY)
    cdef Py_ssize_t a = 0, b = 0, n = 0, kept = 0, number, capacity = 0
    cdef int order, run
    cdef bint left, still, writing
    cdef octets record
    cdef unsigned char[::1] target = None
    cdef unsigned int flags
    found = bytearray()
    # Twice the same merge: once to count, once to write, so that memory is what is needed and no more.
    for run in range(2):
        a = b = n = kept = 0
        writing = run == 1
        while a < count or b < before:
            if a == count:
                left = False
            elif b == before:
                left = True
            else:
                left = memcmp(&entries[a * ENTRY], &gone[b * GONE], KEY) <= 0
            if left:
                record = &entries[a * ENTRY]
                a += 1
            else:
                record = &gone[b * GONE]
                b += 1
            order = 1
            while n < now:
                order = memcmp(&listed[n * ENTRY], record, KEY)
                if order >= 0:
                    break
                n += 1
            still = n < now and order == 0
            if still or (release_holds and record[21] == HOLD):
                continue
            if writing:
                if kept >= capacity:
                    raise AssertionError("the second merge found more than the first")
                if left:
                    flags = held_flag if record[21] == HOLD else 0
                    memcpy(&target[kept * GONE], record, ENTRY)
                    target[kept * GONE + 34] = flags & 0xFF
                    target[kept * GONE + 35] = (flags >> 8) & 0xFF
                    for number in range(4):
                        target[kept * GONE + 36 + number] = (last_seq >> (8 * number)) & 0xFF
                else:
                    memcpy(&target[kept * GONE], record, GONE)
            kept += 1
        if not writing:
            if not kept:
                return b""
            capacity = kept
            found = bytearray(kept * GONE)
            target = found
    return bytes(found)


def unite(bytearray entries, ranks):
    """Keep one entry for each serial of sorted ``entries``; returns (entries, shared, repeated, conflicting).

    The most severe reason wins with its partition; of equal ones the partition with the higher rank
    (its list is the newer), then the lower number. The date is the earliest of all. ``shared`` has, for
    each serial that several partitions list, each one's own entry.
    """
    cdef unsigned char[::1] data = entries
    cdef Py_ssize_t count = _count(data, ENTRY), index, last, at, kept = 0
    cdef Py_ssize_t repeated = 0, conflicting = 0
    cdef unsigned char* target
    cdef unsigned char[ENTRY] merged
    cdef unsigned char[ENTRY] own
    cdef bint differs
    shared = bytearray()
    index = 0
    while index < count:
        last = index + 1
        while last < count and memcmp(&data[index * ENTRY], &data[last * ENTRY], KEY) == 0:
            last += 1
        target = &data[kept * ENTRY]
        if last == index + 1:
            if kept != index:
                memcpy(target, &data[index * ENTRY], ENTRY)
        else:
            differs = False
            memcpy(own, &data[index * ENTRY], ENTRY)
            memcpy(merged, own, ENTRY)
            several = []
            for at in range(index + 1, last):
                if memcmp(merged + KEY, &data[at * ENTRY + KEY], SOURCE - KEY):
                    differs = True
                if memcmp(own + SOURCE, &data[at * ENTRY + SOURCE], 2):
                    several.append((<char*>own)[:ENTRY])
                    memcpy(own, &data[at * ENTRY], ENTRY)
                else:
                    _absorb(own, &data[at * ENTRY], ranks)
                _absorb(merged, &data[at * ENTRY], ranks)
            if several:
                several.append((<char*>own)[:ENTRY])
                shared += b"".join(several)
            memcpy(target, merged, ENTRY)
            repeated += last - index - 1
            if differs:
                conflicting += 1
        kept += 1
        index = last
    return bytes(entries[: kept * ENTRY]), bytes(shared), repeated, conflicting


cdef int _absorb(unsigned char* holder, octets challenger, dict ranks) except -1:
    cdef long long date = min(_date(holder), _date(challenger))
    if _wins(challenger, holder, ranks):
        memcpy(holder, challenger, ENTRY)
    _put_date(holder, date)
    return 0


cdef bint _wins(octets challenger, octets holder, dict ranks) except -1:
    if SEVERITY[challenger[21]] != SEVERITY[holder[21]]:
        return SEVERITY[challenger[21]] > SEVERITY[holder[21]]
    # Sorted input: the holder has the lower partition number and keeps its place unless it is outranked.
    return ranks.get(challenger[32] | (challenger[33] << 8), 0) > ranks.get(holder[32] | (holder[33] << 8), 0)


cdef void _put_date(unsigned char* record, long long date) noexcept nogil:
    cdef int at
    for at in range(8):
        record[24 + at] = (<unsigned long long>date >> (8 * at)) & 0xFF


def find(const unsigned char[::1] section, Py_ssize_t stride, bytes serial):
    """Index of the record with this serial in a sorted section; -1: none; -2: the section is damaged.

    Damaged under its reader: where a mapped file was cut short, the rest of its last page reads as zeros.
    Every record was well formed when the file was opened, so one without serial or partition is such a
    rest; a search that goes by it would miss records, and a missed one would be called good.
    """
    cdef unsigned char[KEY] key
    cdef Py_ssize_t low = 0, middle, high = _count(section, stride), length = len(serial)
    cdef octets text = serial
    cdef octets record
    cdef int order
    if stride < ENTRY:
        raise ValueError("expected entries or gone entries")
    if not 1 <= length <= SERIAL_MAX:
        return -1
    for middle in range(KEY):
        key[middle] = 0
    key[0] = <unsigned char>length
    memcpy(&key[1], text, length)
    while low < high:
        middle = low + (high - low) // 2
        record = &section[middle * stride]
        if record[0] == 0 or (record[32] | record[33]) == 0:
            return -2
        order = memcmp(record, key, KEY)
        if order == 0:
            return middle
        if order < 0:
            low = middle + 1
        else:
            high = middle
    return -1


def fault(const unsigned char[::1] section, Py_ssize_t stride, partitions, bint shared=False):
    """Index of the first record that breaks FORMAT.md (order, padding, reserved octet, partition), or -1.

    ``shared``: a serial may stand there once for each partition.
    """
    cdef Py_ssize_t count = _count(section, stride), index, at
    cdef int order, number = 0
    cdef octets record
    cdef unsigned char[::1] known
    if stride < ENTRY:
        raise ValueError("expected entries or gone entries")
    known_numbers = bytearray(65536)
    for partition in partitions:
        known_numbers[partition] = 1
    known = known_numbers
    for index in range(count):
        record = &section[index * stride]
        if not 1 <= record[0] <= SERIAL_MAX or record[23] != 0 or not known[record[32] | (record[33] << 8)]:
            return index
        for at in range(1 + record[0], KEY):
            if record[at] != 0:
                return index
        if index:
            order = memcmp(&section[(index - 1) * stride], record, KEY)
            if order == 0 and shared:
                order = number - (record[32] | (record[33] << 8))
            if order >= 0:
                return index
        number = record[32] | (record[33] << 8)
    return -1


def tally(const unsigned char[::1] section, Py_ssize_t stride):
    """Number of records by partition number."""
    cdef Py_ssize_t count = _count(section, stride), index, number
    cdef Py_ssize_t* counts = <Py_ssize_t*>malloc(65536 * sizeof(Py_ssize_t))
    if counts == NULL:
        raise MemoryError
    try:
        for number in range(65536):
            counts[number] = 0
        for index in range(count):
            counts[section[index * stride + 32] | (section[index * stride + 33] << 8)] += 1
        return {number: counts[number] for number in range(65536) if counts[number]}
    finally:
        free(counts)


def differing(const unsigned char[::1] old, Py_ssize_t old_stride, const unsigned char[::1] new, Py_ssize_t new_stride):
    """Merge two sorted sections; (old index or -1, new index or -1) wherever serial, reason or date differ."""
    cdef Py_ssize_t old_count = _count(old, old_stride), new_count = _count(new, new_stride), a = 0, b = 0
    cdef int order
    found = []
    while a < old_count or b < new_count:
        if a == old_count:
            order = 1
        elif b == new_count:
            order = -1
        else:
            order = memcmp(&old[a * old_stride], &new[b * new_stride], KEY)
        if order < 0:
            found.append((a, -1))
            a += 1
        elif order > 0:
            found.append((-1, b))
            b += 1
        else:
            # [21] reason and [24:32] date; flags and the partition are no change of status.
            if (
                old[a * old_stride + 21] != new[b * new_stride + 21]
                or memcmp(&old[a * old_stride + 24], &new[b * new_stride + 24], 8)
            ):
                found.append((a, b))
            a += 1
            b += 1
    return found

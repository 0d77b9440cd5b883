"""Records that are read along with listed ones, which have the same kind of key: only forwards."""

from libc.stdint cimport uint64_t

from revocation.index._check_lines cimport BAD_BOTH, BAD_MANY, FINE
from revocation.index._keys cimport LongKey
from revocation.index._octets cimport load32
from revocation.index._table cimport Run, record_order


cdef struct Beside:
    # A run that is read along with another one, which has the same kind of key.
    const Run *run
    uint64_t at


cdef inline int alongside_gone(Beside *gone, const LongKey *key) noexcept nogil:
    """No listed serial may be gone."""
    cdef int order
    while gone.at < gone.run.count:
        order = record_order(gone.run, gone.at, key)
        if order > 0:
            return FINE
        if order == 0:
            return BAD_BOTH
        gone.at += 1
    return FINE


cdef inline int alongside_many(Beside *many, const LongKey *key) noexcept nogil:
    """What several lists name must be listed: nothing there may be left below a listed key."""
    cdef int order
    while many.at < many.run.count:
        order = record_order(many.run, many.at, key)
        if order > 0:
            return FINE
        if order < 0:
            return BAD_MANY
        many.at += 1
    return FINE


cdef inline uint64_t next_key(const Beside *beside) noexcept nogil:
    if beside.at == beside.run.count:
        return <uint64_t>1 << 32
    return load32(beside.run.records + beside.at * beside.run.stride)


cdef inline void pass_keys(Beside *beside, uint64_t above) noexcept nogil:
    """To the first key that is not below this one. Where they are not in order, check_run will say so."""
    cdef uint64_t low = 0, high = beside.run.count, middle
    while low < high:
        middle = low + (high - low) // 2
        if load32(beside.run.records + middle * beside.run.stride) < above:
            low = middle + 1
        else:
            high = middle
    beside.at = low

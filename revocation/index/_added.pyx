# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""How many entries one file of a lineage has that an earlier one did not know, by reason.

What the report of a night needs: the very additions of ``revocation.changes``, counted where they lie. An object
for each of them would cost more than the comparison of the two files.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from revocation.index._differ cimport Differences, find_more
from revocation.index._table cimport (
    DAMAGED,
    NONE,
    Found,
    Sections,
    Serial,
    Table,
    damaged,
    ends_whole,
    find_gone,
    find_listed,
    gone_serial,
    listed_serial,
    read_gone,
    read_listed,
)


def added_by_reason(Table old not None, Table new not None, lets_go=False):
    """By reason octet. ``lets_go`` as for ``Differences``."""
    cdef uint64_t counts[256]
    cdef Differences d
    cdef int told = 0
    memset(counts, 0, sizeof(counts))
    for gone in (False, True):
        d = Differences(old, new, gone, lets_go)
        while find_more(d):
            with nogil:
                told = count_added(d, counts)
            if told != 0 or not ends_whole(&old.s) or not ends_whole(&new.s):
                raise damaged()
    return [counts[reason] for reason in range(256)]


cdef int count_added(Differences d, uint64_t *counts) noexcept nogil:
    """0, or DAMAGED. What is not listed before may be gone there: then it came back, or only stays gone."""
    cdef const Sections *old = &d.old.s
    cdef const Sections *new = &d.new.s
    cdef Found found
    cdef Serial serial
    cdef Py_ssize_t i
    cdef int64_t at, before
    for i in range(d.pairs.count):
        if d.pairs.old[i] >= 0:
            continue
        at = d.pairs.new[i]
        if (read_gone(new, at, &found) if d.gone else read_listed(new, at, &found)) != 0:
            return DAMAGED
        if d.gone:
            gone_serial(new, at, &serial)
        else:
            listed_serial(new, at, &serial)
        before = find_listed(old, &serial)
        if before == NONE:
            before = find_gone(old, &serial)
        if before == DAMAGED:
            return DAMAGED
        if before == NONE:
            counts[found.row.reason] += 1
    return 0

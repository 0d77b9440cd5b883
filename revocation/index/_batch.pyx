# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Look-ups of many serials at once, from Python: keys in every form, answers in columns.

The searching itself is in _pipeline.pxd.
"""

from cpython cimport array
from libc.stdint cimport int64_t, uint8_t, uint16_t

from revocation.index._pipeline cimport WIDE_OCTETS, Columns, Keys, look_up
from revocation.index._table cimport Serial, Table, damaged, take_serial

import array

from revocation.errors import InputRefused

cdef enum:
    #: Of a list of Python objects so many are taken at a time, before the interpreter lock is released.
    TAKEN_AT_ONCE = 4096


cdef class Answers:
    """What ``get_many`` found, column by column in the order of its keys; zeros where nothing was found."""

    cdef readonly object states
    cdef readonly object reasons
    cdef readonly object partitions
    cdef readonly object dates

    def __len__(self):
        return len(self.states)

    def __repr__(self):
        return f"Answers({len(self)})"


def get_many(Table table not None, keys):
    """The state, reason, partition and date of each key.

    ``keys``: a buffer of unsigned 64-bit numbers; packed octets, 20 for each serial, sign-extended and
    big-endian; or a sequence of serials as bytes or int. States: 0 not there, 1 listed, 2 gone, 3 gone on hold.
    """
    cdef Keys given
    cdef const uint8_t[::1] octets
    cdef Py_ssize_t count
    given.numbers = given.wide = given.is_serial = NULL
    given.taken = NULL
    try:
        view = memoryview(keys)
    except TypeError:
        return _of_objects(table, list(keys))
    if not view.c_contiguous or view.ndim != 1:
        raise _other_keys("a buffer with gaps or of several dimensions")
    form = view.format.lstrip("@=<")
    if form in ("Q", "L") and view.itemsize == 8:
        count = len(view)
    elif form == "B":
        count, rest = divmod(len(view), WIDE_OCTETS)
        if rest:
            raise _other_keys("octets that are no multiple of 20")
    else:
        raise _other_keys(f"a buffer of the format {view.format}")
    if count == 0:
        return _of_objects(table, [])
    octets = view.cast("B")
    if form == "B":
        given.wide = &octets[0]
    else:
        given.numbers = &octets[0]
    answers, columns = _columns(count)
    _run(table, &given, count, columns, 0)
    return answers


cdef object _other_keys(str got):
    return InputRefused(
        "KEYS_NOT_SERIALS",
        expected="unsigned 64-bit numbers, packed serials of 20 octets, or a sequence of bytes and ints",
        got=got,
        remedy="convert them first",
    )


cdef tuple _columns(Py_ssize_t count):
    """The answers, and the same columns to be written."""
    cdef Answers answers = Answers.__new__(Answers)
    columns = tuple(array.clone(array.array(code), count, zero=False) for code in "BBHq")
    answers.states, answers.reasons, answers.partitions, answers.dates = (
        memoryview(column).toreadonly() for column in columns
    )
    return answers, columns


cdef int _run(Table table, const Keys *keys, Py_ssize_t count, tuple columns, Py_ssize_t first) except -1:
    """``count`` keys into the columns, from place ``first`` on."""
    cdef array.array states = columns[0], reasons = columns[1], partitions = columns[2], dates = columns[3]
    cdef Columns out
    cdef int told
    out.states = states.data.as_uchars + first
    out.reasons = reasons.data.as_uchars + first
    out.partitions = <uint16_t *>partitions.data.as_ushorts + first
    out.dates = <int64_t *>dates.data.as_longlongs + first
    with nogil:
        told = look_up(&table.s, keys, count, &out)
    if told != 0:
        raise damaged()
    return 0


cdef Answers _of_objects(Table table, list serials):
    cdef Serial taken[TAKEN_AT_ONCE]
    cdef uint8_t is_serial[TAKEN_AT_ONCE]
    cdef Keys given
    cdef Py_ssize_t first, i, count
    given.numbers = given.wide = NULL
    given.taken = taken
    given.is_serial = is_serial
    answers, columns = _columns(len(serials))
    for first in range(0, len(serials), TAKEN_AT_ONCE):
        count = min(<Py_ssize_t>TAKEN_AT_ONCE, len(serials) - first)
        for i in range(count):
            is_serial[i] = take_serial(serials[first + i], &taken[i])
        _run(table, &given, count, columns, first)
    return answers

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The three readers of the fast path with a Python face: for get_path.py, and to be tried against others."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

from platform_api.ocsp._chunked cimport CHUNKED_ODD, CHUNKED_PARTIAL, CHUNKED_TOO_LARGE, read_chunked
from platform_api.ocsp._head cimport HEAD_ODD, HEAD_PARTIAL, HEAD_TOO_LONG, HEAD_WHOLE, HeadAt, split_head
from platform_api.ocsp._target cimport MOST_FROM_TEXT, request_of_target

PARTIAL = "partial"
WHOLE = "whole"
ODD = "odd"
TOO_LONG = "too_long"
TOO_LARGE = "too_large"

cdef tuple METHODS = ("", "POST", "GET", "HEAD")


cdef bytes part(const uint8_t *octets, Py_ssize_t start, Py_ssize_t length):
    return PyBytes_FromStringAndSize(<const char *>octets + start, length) if length else None


def head(const uint8_t[::1] octets not None):
    """(verdict, fields): the fields of the head by their names in ``HeadAt``, None unless the verdict is WHOLE.

    ``target``, ``authorization`` and ``if_none_match`` are octets, or None where there is no such field.
    """
    cdef HeadAt found
    cdef const uint8_t nothing[1]
    cdef const uint8_t *start = &octets[0] if octets.shape[0] else nothing
    cdef int verdict = split_head(start, octets.shape[0], &found)
    if verdict == HEAD_PARTIAL:
        return PARTIAL, None
    if verdict == HEAD_ODD:
        return ODD, None
    if verdict == HEAD_TOO_LONG:
        return TOO_LONG, None
    return WHOLE, {
        "head_end": found.head_end,
        "method": METHODS[found.method],
        "target": part(start, found.target, found.target_length),
        "minor_version": found.minor_version,
        "keep_alive": found.keep_alive != 0,
        "content_length": None if found.content_length < 0 else found.content_length,
        "chunked": found.chunked != 0,
        "expect_continue": found.expect_continue != 0,
        "authorization": part(start, found.authorization, found.authorization_length),
        "if_none_match": part(start, found.if_none_match, found.if_none_match_length),
        "content_encoding_identity": found.content_encoding_identity != 0,
    }


def chunked(const uint8_t[::1] octets not None, Py_ssize_t room):
    """(verdict, body, octets on the wire) of a body in chunks; the latter two None unless it is WHOLE.

    TOO_LARGE: it has more than ``room`` octets.
    """
    cdef const uint8_t nothing[1]
    cdef const uint8_t *start = &octets[0] if octets.shape[0] else nothing
    cdef Py_ssize_t length = 0, used
    if room < 0:
        raise ValueError("expected room for 0 octets or more")
    cdef uint8_t *out = <uint8_t *>malloc(room if room else 1)
    if out == NULL:
        raise MemoryError
    try:
        used = read_chunked(start, octets.shape[0], out, room, &length)
        if used == CHUNKED_PARTIAL:
            return PARTIAL, None, None
        if used == CHUNKED_ODD:
            return ODD, None, None
        if used == CHUNKED_TOO_LARGE:
            return TOO_LARGE, None, None
        return WHOLE, PyBytes_FromStringAndSize(<const char *>out, length), used
    finally:
        free(out)


def request_of(const uint8_t[::1] text not None):
    """The octets of the OCSPRequest in this text, or None."""
    cdef const uint8_t nothing[1]
    cdef uint8_t out[MOST_FROM_TEXT]
    cdef Py_ssize_t length = request_of_target(
        &text[0] if text.shape[0] else nothing, text.shape[0], out, MOST_FROM_TEXT
    )
    return PyBytes_FromStringAndSize(<const char *>out, length) if length > 0 else None

"""Errors of the library, in three families that never mix.

* ``InputRefused``: somebody sent something wrong (a list, a certificate, a request, a setting).
* ``OutsideFailed``: the outside world failed (network, disk, a server that does not answer).
* ``OwnFault``: a promise of ours is broken; the right reaction is to stop and keep what was good.

Each error carries a stable ``code`` and says what was expected, what was got and what to do.
Texts never carry a serial number, a name or any other personal data: they end in logs.
"""

from __future__ import annotations


class RevocationError(Exception):
    """Base of all errors of ``revocation``; never raised itself."""

    def __init__(self, code: str, *, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"{code}: expected {expected}; got {got}; {remedy}")
        self.code = code
        self.expected = expected
        self.got = got
        self.remedy = remedy


class InputRefused(RevocationError):
    """They sent something wrong: refused whole, nothing of it used."""


class OutsideFailed(RevocationError):
    """The outside failed: what was published before goes on being served."""


class OwnFault(RevocationError):
    """Our fault: a stored file or an invariant of ours is broken."""


def out_of_memory() -> OutsideFailed:
    """The host, or its limit for this process, has no more; what is in hand goes on answering."""
    return OutsideFailed(
        "OUT_OF_MEMORY",
        expected="memory for the entries of a list (8 to 28 octets each) and its pages",
        got="none left",
        remedy="raise this process's limit, or end what else runs on this host, then run again",
    )

"""The real path of a list, for the acceptance tests: octets, decode, verify, accept; with real signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from revocation.authorities import Authority, ListScope, Partition
from revocation.crl.accept import Acceptance, accept_list
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki
from tests.pki import T0

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
#: An hour after the lists of the tests were signed.
NOW = T0 + timedelta(hours=1)


@dataclass(frozen=True)
class Seen:
    """A mark."""

    crl_number: int | None
    this_update: datetime
    sha256: bytes = b"other bytes"

    def __post_init__(self) -> None:
        assert self.this_update.tzinfo is not None


class Memory:
    """HighWater over a dictionary."""

    def __init__(self, marks: dict[ListScope, Seen] | None = None) -> None:
        self.marks = marks or {}

    def mark(self, scope: ListScope) -> Seen | None:
        return self.marks.get(scope)


def take(
    der: bytes,
    authority: Authority,
    scope: ListScope,
    *,
    now: datetime = NOW,
    mark: Seen | None = None,
) -> Acceptance:
    """What an ingest does with the octets of one scope, in its order."""
    found = decode_certificate_list(der, tolerances=authority.tolerances)
    signer = verify_list(found, authority)
    marks = Memory({} if mark is None else {scope: mark})
    return accept_list(found, authority, scope, signer, now=now, high_water=marks)


def accept(
    ca: pki.CA,
    *,
    authority: Authority | None = None,
    scope_at: int = 0,
    now: datetime = NOW,
    mark: Seen | None = None,
    **forged: Any,
) -> Acceptance:
    """Build the list of an expected scope, with one thing forged, and take it."""
    authority = authority or ca.authority()
    scope = authority.expected_lists()[scope_at]
    return take(pki.crl_for(ca, scope, **forged), authority, scope, now=now, mark=mark)


def refusal_of(der: bytes, authority: Authority, scope: ListScope, **how: Any) -> InputRefused:
    """The refusal of these octets, which says all four things that an operator needs."""
    with pytest.raises(InputRefused) as caught:
        take(der, authority, scope, **how)
    error = caught.value
    assert error.code
    assert error.expected
    assert error.got
    assert error.remedy
    return error


def refused(
    ca: pki.CA,
    *,
    authority: Authority | None = None,
    scope_at: int = 0,
    now: datetime = NOW,
    mark: Seen | None = None,
    **forged: Any,
) -> InputRefused:
    """Like ``accept``, but it must be refused."""
    authority = authority or ca.authority()
    scope = authority.expected_lists()[scope_at]
    return refusal_of(pki.crl_for(ca, scope, **forged), authority, scope, now=now, mark=mark)


def undivided(ca: pki.CA, **settings: Any) -> Authority:
    """The same CA without partitions: one list, which names no distribution point."""
    return ca.authority(partitions=[Partition(1, b"", "all")], **settings)

"""How far lists and sets got: acceptance and another memory of the same (the database's) compare with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from revocation.index.layout import ListState


@dataclass(frozen=True, slots=True)
class Mark:
    """The greatest list accepted so far for a scope: acceptance refuses what lies below (RFC 5280 5.2.3)."""

    #: None only where the CA's lists have none (tolerance missing_crl_number).
    crl_number: int | None
    this_update: datetime
    sha256: bytes


def mark_of(state: ListState | None) -> Mark | None:
    if state is None or state.this_update is None or state.sha256 is None:
        return None  # absent: nothing was ever accepted
    return Mark(state.crl_number, state.this_update, state.sha256)


def mark_beside(own: Mark | None, in_force: Mark | None) -> Mark | None:
    """The mark of a key, where one key signs for all and the list ``in_force`` may be another key's.

    Numbers compare only under one key (RFC 5280 section 5.2.3). Times compare always: a key's list that is
    not younger than the one in force would bring back what that one ended.
    """
    if in_force is None or (own is not None and own.this_update >= in_force.this_update):
        return own
    return Mark(None if own is None else own.crl_number, in_force.this_update, in_force.sha256)


@dataclass(frozen=True, slots=True)
class Reached:
    """The newest set of a folder."""

    #: 0: none was ever published here.
    seq: int
    #: Of its manifest; None where CURRENT cannot be read: then nobody can say which set bears the number.
    manifest_sha256: str | None

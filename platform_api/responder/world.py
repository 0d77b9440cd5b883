"""From files to what the responder answers from: authorities and a published snapshot, made anew each time.

The set is built, checked and read back like that of any night, in a folder of this process alone that is gone
before the first answer, its files staying mapped; or, for several workers, in their common room.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_api.responder.cas import Ca, CaSaid, make_cas
from platform_api.responder.given import Facts, Given
from platform_api.responder.lists import TakenList, take_certificates, take_lists
from platform_api.responder.room import Room
from platform_api.responder.signers import FileSigners, check_signers, read_identities
from revocation.authorities import Authorities, ListScope
from revocation.clock import Clock
from revocation.crl.accept import check_high_water
from revocation.crl.decode import CertificateList
from revocation.errors import InputRefused
from revocation.snapshot.current import Snapshot
from revocation.snapshot.plan import AcceptedList
from revocation.snapshot.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest list of a scope (``crl.accept.Mark``)."""

    crl_number: int | None
    this_update: datetime
    sha256: bytes


#: The key that signs the lists, their scope, and whether they are deltas: full lists and deltas share their
#: numbers (RFC 5280 section 5.2.3), so each kind has its own newest one.
Source: TypeAlias = tuple[bytes, object, bool]


@dataclass(frozen=True, slots=True)
class World:
    """Immutable; answers from it until another one takes its place."""

    authorities: Authorities
    snapshot: Snapshot
    signers: FileSigners
    cas: tuple[CaSaid, ...]
    marks: Mapping[Source, Mark]
    facts: Facts
    #: When it must be made again though no file has changed; None: never.
    changes_at: datetime | None


def load(given: Given, clock: Clock, before: World | None = None, room: Room | None = None) -> World:
    """Blocking. Raises ``InputRefused`` by the first rule broken, ``OutsideFailed`` for a file or the disk.

    ``before``: the world in hand; no list of an older number or time takes the place of one of its.
    ``room``: where the set goes, to be opened by others too.
    """
    facts = given.facts()
    now = clock.now()
    identities = read_identities(given)
    issuers = take_certificates(given)
    with tempfile.TemporaryDirectory(prefix="jpki-responder-") as folder:
        copies = Path(folder)
        taken = take_lists(given, issuers, copies, now)
        signers = FileSigners(identities)
        cas = make_cas(given, issuers, taken, signers, now)
        authorities = Authorities(ca.answering for ca in cas)
        check_signers(signers, authorities, now)
        newest = _newest(taken)
        if before is None:
            _check_some_in_force(cas, now)
        else:
            _check_never_older(before, newest, authorities)
        # Numbers rise: whoever answers takes no set for a newer one that has a lower number.
        number = 1 if before is None else before.snapshot.seq + 1
        if room is None:
            # Nobody but this process reads the folder: its key is as short-lived.
            store = SnapshotStore(copies / "sets", publisher_key=Ed25519PrivateKey.generate())
        else:
            store = room.store(number)
        snapshot = _published(cas, store, number, now)
    moments = [ca.changes_at for ca in cas if ca.changes_at is not None]
    return World(
        authorities,
        snapshot,
        signers,
        tuple(ca.said for ca in cas),
        {key: Mark(one.crl_number, one.this_update, one.sha256) for key, one in newest.items()},
        facts,
        min(moments, default=None),
    )


def _newest(taken: Sequence[TakenList]) -> dict[Source, CertificateList]:
    found: dict[Source, CertificateList] = {}
    for one in sorted(taken, key=lambda one: (one.held.list.crl_number or 0, one.held.list.this_update)):
        found[one.generation.key_id, one.scope, one.held.is_delta] = one.held.list
    return found


def _check_some_in_force(cas: Sequence[Ca], now: datetime) -> None:
    """At start: a list that has lapsed keeps its own CA from being answered, and no other."""
    ends = [ca.said.next_update for ca in cas if ca.said.next_update is not None]
    if not any(now < end for end in ends):
        raise InputRefused(
            "NEXT_UPDATE_PASSED",
            expected=f"a CA all of whose lists have a nextUpdate after {now:%Y-%m-%dT%H:%M:%SZ}",
            got="none" if not ends else f"none; the last ended at {max(ends):%Y-%m-%dT%H:%M:%SZ}",
            remedy="fetch newer lists; if there are none, check this host's clock, or give --at",
        )


def _check_never_older(
    before: World, newest: Mapping[Source, CertificateList], authorities: Authorities
) -> None:
    """RFC 5280 section 5.2.3: never an older list again; and a list that is gone takes nobody's word away.

    After a restart only what the files say counts.
    """
    for key, mark in before.marks.items():
        if authorities.by_issuer_key(key[0]) is None:
            continue  # its CA was taken out
        new = newest.get(key)
        full = newest.get((*key[:2], False))
        if new is None and full is not None and _takes_in(full, mark):
            continue  # a delta that a later full list has made needless
        if new is None:
            raise InputRefused(
                "SCOPE_LOST",
                expected="the lists of every scope that is being answered from",
                got="none of one of them",
                remedy="put that list back; if it is no longer issued, start the responder again without it",
            )
        check_high_water(new, mark)


def _takes_in(full: CertificateList, delta: Mark) -> bool:
    """Section 5.2.4: a full list of this number or a later one has every change of the delta."""
    return full.this_update >= delta.this_update and (
        full.crl_number is None or delta.crl_number is None or full.crl_number >= delta.crl_number
    )


def _published(cas: Sequence[Ca], store: SnapshotStore, number: int, now: datetime) -> Snapshot:
    publishing = Authorities(ca.publishing for ca in cas)
    lists: dict[ListScope, AcceptedList] = {}
    for ca in cas:
        for scope in ca.publishing.expected_lists():
            if scope.partition_number in ca.lists:
                lists[scope] = ca.lists[scope.partition_number]
    return store.publish(lists, publishing, now=now, at_least=number)

"""From files to what the responder answers from: authorities and a published snapshot, made anew each time.

Each CA key is one authority (with ``newest_signs_all`` each CA), each scope of its lists one partition of it:
so that a certificate which no list names is good only while every list that is needed is in force
(``coverage.py``), and whatever lists it speaks for it. The set is built, checked and read back like that of
any night, in a folder of this process alone that is gone before the first answer; its files stay mapped.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_api.responder.given import Facts, Given
from platform_api.responder.lists import TakenList, of_file, take_certificates, take_lists
from platform_api.responder.merged import Merged, merge
from platform_api.responder.scopes import needed
from platform_api.responder.signers import FileSigners, check_signers, read_identities
from revocation.authorities import Authorities, Authority, ListScope, SignatureAlgorithm
from revocation.authority_certificates import authority_from_certificates
from revocation.checker.lists import HeldList
from revocation.clock import Clock
from revocation.crl.accept import check_high_water
from revocation.crl.decode import CertificateList
from revocation.crl.entries import RECORD_SIZE, Entries
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused
from revocation.ocsp.responder import Responder, TrustMode
from revocation.partitions import Partition
from revocation.reasons import CRLReason
from revocation.snapshot.current import Snapshot
from revocation.snapshot.plan import AcceptedList
from revocation.snapshot.store import SnapshotStore

#: A list of which nothing is in force ever: what it names is not good, and nothing else is said of it.
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Where a record has its reason.
_REASON_AT: Final = 21
#: "Closed since": what it lists counts, and that it leaves out a certificate is not needed.
_CLOSED: Final = date(1970, 1, 1)


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
class CaSaid:
    """What people are told of one CA."""

    ca_id: str
    lists: int
    entries: int
    #: Why clients would trust what is signed for it.
    trust: str
    #: May a certificate that no list names be good at all?
    whole: bool
    next_update: datetime | None


@dataclass(frozen=True, slots=True)
class World:
    """Immutable; answers from it until another one takes its place."""

    authorities: Authorities
    snapshot: Snapshot
    signers: FileSigners
    responder: Responder
    cas: tuple[CaSaid, ...]
    marks: Mapping[Source, Mark]
    facts: Facts
    #: When it must be made again though no file has changed; None: never.
    changes_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Ca:
    """One authority in the making."""

    answering: Authority
    #: The same with every list expected, also one for certificates that lie in no list's scope.
    publishing: Authority
    lists: Mapping[int, AcceptedList]
    newest: Mapping[Source, CertificateList]
    changes_at: datetime | None
    said: CaSaid


def load(given: Given, clock: Clock, before: World | None = None) -> World:
    """Blocking. Raises ``InputRefused`` by the first rule broken, ``OutsideFailed`` for a file or the disk.

    ``before``: the world in hand; no list of an older number or time takes the place of one of its.
    """
    facts = given.facts()
    now = clock.now()
    identities = read_identities(given)
    issuers = take_certificates(given)
    with tempfile.TemporaryDirectory(prefix="jpki-responder-") as folder:
        room = Path(folder)
        taken = take_lists(given, issuers, room, now)
        signers = FileSigners(identities, clock)
        cas = _cas(given, issuers, taken, signers, now)
        authorities = Authorities(ca.answering for ca in cas)
        check_signers(signers, authorities, now)
        newest = {key: one for ca in cas for key, one in ca.newest.items()}
        if before is None:
            _check_some_in_force(cas, now)
        else:
            _check_never_older(before, newest, authorities)
        snapshot = _published(cas, room / "sets", now)
    moments = [ca.changes_at for ca in cas if ca.changes_at is not None]
    return World(
        authorities,
        snapshot,
        signers,
        make_responder(authorities, signers, clock),
        tuple(ca.said for ca in cas),
        {key: Mark(one.crl_number, one.this_update, one.sha256) for key, one in newest.items()},
        facts,
        min(moments, default=None),
    )


def make_responder(authorities: Authorities, signers: FileSigners, clock: Clock) -> Responder:
    """The only place where the responder of this command is made."""
    return Responder(authorities, {TrustMode.LOCAL: signers}, clock)


def _cas(
    given: Given,
    issuers: Sequence[Authority],
    taken: Sequence[TakenList],
    signers: FileSigners,
    now: datetime,
) -> list[_Ca]:
    by_key: dict[bytes, list[TakenList]] = defaultdict(list)
    for one in taken:
        by_key[one.generation.key_id].append(one)
    indirect = [one for one in taken if one.held.issuing is not None and one.held.issuing.indirect_crl]
    found: list[_Ca] = []
    for issuer in issuers:
        if not any(generation.key_id in by_key for generation in issuer.generations):
            raise InputRefused(
                "LIST_MISSING",
                expected="a list of every CA given (RFC 6960 section 2.2: a responder knows what it answers)",
                got=f"none of CA {len(found) + 1} of --ca",
                remedy="give its list with another --crl, or leave its certificate out",
            )
        together = [issuer.generations] if given.newest_signs_all else [(g,) for g in issuer.generations]
        for generations in together:
            number = len(found) + 1
            own = [one for generation in generations for one in by_key[generation.key_id]]
            name = canonical_name(issuer.subject)
            named = [one for one in indirect if canonical_name(one.held.list.issuer) != name]
            authority = authority_from_certificates(
                f"ca-{number}",
                [generation.certificate for generation in generations],
                partitions=(Partition(1, b"", ""),),
                signature_algorithms=frozenset(SignatureAlgorithm),
                serial_ceiling=given.serial_ceiling,
                tolerances=given.tolerances,
            )
            found.append(_ca(given, authority, own, named, signers, now))
    return found


def _ca(
    given: Given,
    authority: Authority,
    own: Sequence[TakenList],
    others: Sequence[TakenList],
    signers: FileSigners,
    now: datetime,
) -> _Ca:
    scopes: dict[object, list[TakenList]] = defaultdict(list)
    for one in own:
        scopes[one.scope].append(one)
    groups = list(scopes.values())
    merged = [_merged(group, authority.subject, now) for group in groups]
    newest: dict[Source, CertificateList] = {}
    for each in sorted(own, key=lambda one: (one.held.list.crl_number or 0, one.held.list.this_update)):
        newest[each.generation.key_id, each.scope, each.held.is_delta] = each.held.list
    want = needed([group[0].held.issuing for group in groups], authority.subject, all_lists=given.all_lists)
    partitions = [
        Partition(number, _point(number), "", closed=None if number - 1 in want.places else _CLOSED)
        for number in range(1, len(groups) + 1)
    ]
    lists = {number: _accepted(one, now) for number, one in enumerate(merged, 1)}
    doubtful = b"".join(one.doubtful for one in merged) + _of_other_issuers(authority.subject, others)
    if doubtful:
        number = len(partitions) + 1
        partitions.append(Partition(number, _point(number), "", closed=_CLOSED))
        lists[number] = _accepted(_in_doubt(doubtful, [*own, *others][0].held), now)
    # Of certificates in no list's scope: expected when the set is published, unknown when it answers. So the
    # set knows a list that these authorities do not, and nobody is good by what the others leave out.
    rest = Partition(len(partitions) + 1, _point(len(partitions) + 1), "")
    publishing = replace(authority, partitions=(*(replace(one, closed=None) for one in partitions), rest))
    answering = replace(authority, partitions=tuple(partitions) or (rest,))
    if want.whole:
        publishing = replace(publishing, partitions=publishing.partitions[:-1])
    ends = [merged[place].next_update for place in want.places]
    said = CaSaid(
        authority.ca_id,
        lists=len(own),
        entries=sum(one.entries.count for one in merged),
        trust=signers.of(authority.newest)[0],
        whole=want.whole,
        next_update=min((end for end in ends if end is not None), default=None),
    )
    moments = [one.changes_at for one in merged if one.changes_at is not None]
    return _Ca(answering, publishing, lists, newest, min(moments, default=None), said)


def _merged(group: Sequence[TakenList], subject: bytes, now: datetime) -> Merged:
    try:
        return merge([one.held for one in group], subject, now)
    except InputRefused as error:
        raise of_file(error, ", ".join(one.file for one in group)) from None


def _point(number: int) -> bytes:
    """A scope's name inside one set (a uniformResourceIdentifier); its real one may be several names."""
    text = f"urn:jpki:list:{number}".encode()
    return b"\x86" + bytes([len(text)]) + text


def _accepted(one: Merged, now: datetime) -> AcceptedList:
    return AcceptedList(one, one.newest.list.sha256, now)


def _in_doubt(records: bytes, like: HeldList) -> Merged:
    octets = bytearray(records)
    count = len(octets) // RECORD_SIZE
    # Not a reason of theirs: of what is on hold in a list that is not in force nothing is said at all.
    octets[_REASON_AT::RECORD_SIZE] = bytes([CRLReason.certificate_hold]) * count
    return Merged(_NEVER, _NEVER, None, Entries(count, bytes(octets)), like)


def _of_other_issuers(subject: bytes, indirect: Sequence[TakenList]) -> bytes:
    """Entries of other CAs' indirect lists about certificates of this one (RFC 5280 section 5.3.3).

    Whether a certificate leaves its revocation to another list issuer stands in the certificate (cRLIssuer),
    and a CertID does not tell. So such an entry does not revoke here, and it keeps from being good.
    """
    return b"".join(one.held.records_of(subject) for one in indirect)


def _check_some_in_force(cas: Sequence[_Ca], now: datetime) -> None:
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


def _published(cas: Sequence[_Ca], folder: Path, now: datetime) -> Snapshot:
    publishing = Authorities(ca.publishing for ca in cas)
    lists: dict[ListScope, AcceptedList] = {}
    for ca in cas:
        for scope in ca.publishing.expected_lists():
            if scope.partition_number in ca.lists:
                lists[scope] = ca.lists[scope.partition_number]
    # Nobody but this process reads the folder: its key is as short-lived.
    store = SnapshotStore(folder, publisher_key=Ed25519PrivateKey.generate())
    return store.publish(lists, publishing, now=now)

"""One authority for each CA key, one partition of it for each scope of its lists.

So a certificate that no list names is good only while every list that is needed is in force
(``coverage.py``), and what is listed is spoken for by the list that names it. Partitions that are closed say
what they list, and nobody waits for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from platform_api.responder.given import Given
from platform_api.responder.lists import Issuer, TakenList, of_file
from platform_api.responder.merged import Merged, merge
from platform_api.responder.scopes import Scope, needed
from platform_api.responder.signers import FileSigners
from revocation.authorities import Authority, SignatureAlgorithm
from revocation.authority_certificates import authority_from_certificates
from revocation.checker.lists import HeldList
from revocation.crl.entries import RECORD_SIZE, Entries
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.partitions import Partition
from revocation.reasons import CRLReason
from revocation.snapshot.plan import AcceptedList

#: A list of which nothing is in force ever: what it names is not good, and nothing else is said of it.
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Where a record has its reason.
_REASON_AT: Final = 21
#: "Closed since": what it lists counts, and that it leaves out a certificate is not needed.
_CLOSED: Final = date(1970, 1, 1)


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
class Ca:
    """One authority in the making."""

    answering: Authority
    #: The same with every list expected, also one for certificates that lie in no list's scope.
    publishing: Authority
    lists: Mapping[int, AcceptedList]
    changes_at: datetime | None
    said: CaSaid


@dataclass(frozen=True, slots=True)
class _Group:
    """Lists of one key and scope, and what they say together."""

    lists: Sequence[TakenList]
    merged: Merged

    @property
    def scope(self) -> Scope:
        return self.lists[0].held.issuing


def make_cas(
    given: Given, issuers: Sequence[Issuer], taken: Sequence[TakenList], signers: FileSigners, now: datetime
) -> list[Ca]:
    groups: dict[tuple[bytes, object], list[TakenList]] = defaultdict(list)
    for one in taken:
        groups[one.generation.key_id, one.scope].append(one)
    found: list[Ca] = []
    for issuer in issuers:
        subject = issuer.authority.subject
        of_key: dict[bytes, list[_Group]] = defaultdict(list)
        for (key, _), lists in groups.items():
            if key in issuer.kin:
                of_key[key].append(_Group(lists, _merged(lists, subject, now)))
        if not of_key:
            raise InputRefused(
                "LIST_MISSING",
                expected="a list of every CA given",
                got=f"none of CA {len(found) + 1} of --ca",
                remedy="give its list with another --crl, or leave its certificate out",
            )
        doubtful = _of_other_issuers(subject, taken)
        # Of the keys that have lists at all: the next key is handed out long before it signs.
        newest = [one.key_id for one in issuer.authority.generations if of_key[one.key_id]][-1]
        for generation in issuer.authority.generations:
            kin = issuer.kin if given.newest_signs_all else issuer.kin[generation.key_id]
            speaks = newest if given.newest_signs_all else generation.key_id
            own = of_key[speaks]
            others = [one for key in kin if key != speaks for one in of_key[key]]
            authority = authority_from_certificates(
                f"ca-{len(found) + 1}",
                [generation.certificate],
                partitions=(Partition(1, b"", ""),),
                signature_algorithms=frozenset(SignatureAlgorithm),
                serial_ceiling=given.serial_ceiling,
                tolerances=given.tolerances,
            )
            found.append(_ca(given, authority, own, others, doubtful, taken[0].held, signers, now))
    return found


def _ca(
    given: Given,
    authority: Authority,
    own: Sequence[_Group],
    others: Sequence[_Group],
    doubtful: bytes,
    source: HeldList,
    signers: FileSigners,
    now: datetime,
) -> Ca:
    """One key. ``own``: the lists by which its certificates are good; ``others``: of the CA's other keys.

    ``doubtful``: records of what is in doubt for other reasons; ``source``: any list.
    What any of them lists is revoked (RFC 5280 section 6.3.3 (f): another key of that name may have signed).
    """
    want = needed([one.scope for one in own], authority.subject, all_lists=given.all_lists)
    partitions: list[Partition] = []
    lists: dict[int, AcceptedList] = {}

    def add(merged: Merged, *, is_needed: bool) -> None:
        number = len(partitions) + 1
        closed = None if is_needed else _CLOSED
        partitions.append(Partition(number, _point(number), "", closed=closed))
        lists[number] = AcceptedList(merged, merged.newest.list.sha256, now)

    for place, one in enumerate(own):
        add(one.merged, is_needed=place in want.places)
    for one in others:
        add(one.merged, is_needed=False)
    doubtful += b"".join(one.merged.doubtful for one in (*own, *others))
    if doubtful:
        add(_in_doubt(doubtful, source), is_needed=False)
    # Of certificates in no list's scope: expected when the set is published, unknown when it answers. So the
    # set knows a list that these authorities do not, and nobody is good by what the others leave out.
    rest = Partition(len(partitions) + 1, _point(len(partitions) + 1), "")
    expected = [replace(one, closed=None) for one in partitions]
    ends = [own[place].merged.next_update for place in want.places]
    moments = [one.merged.changes_at for one in (*own, *others) if one.merged.changes_at is not None]
    return Ca(
        answering=replace(authority, partitions=tuple(partitions) or (rest,)),
        publishing=replace(authority, partitions=tuple(expected if want.whole else (*expected, rest))),
        lists=lists,
        changes_at=min(moments, default=None),
        said=CaSaid(
            authority.ca_id,
            lists=sum(len(one.lists) for one in own),
            entries=sum(one.merged.entries.count for one in own),
            trust=signers.of(authority.newest)[0],
            whole=want.whole,
            next_update=min((end for end in ends if end is not None), default=None),
        ),
    )


def _merged(group: Sequence[TakenList], subject: bytes, now: datetime) -> Merged:
    try:
        return merge([one.held for one in group], subject, now)
    except InputRefused as error:
        raise of_file(error, ", ".join(one.file for one in group)) from None


def _point(number: int) -> bytes:
    """A scope's name inside one set (a uniformResourceIdentifier); its real one may be several names."""
    text = f"urn:jpki:list:{number}".encode()
    return b"\x86" + bytes([len(text)]) + text


def _in_doubt(records: bytes, source: HeldList) -> Merged:
    octets = bytearray(records)
    count = len(octets) // RECORD_SIZE
    # Not a reason of theirs: of what is on hold in a list that is not in force nothing is said at all.
    octets[_REASON_AT::RECORD_SIZE] = bytes([CRLReason.certificate_hold]) * count
    # A set names the octets that each list comes from: here any of them.
    return Merged(_NEVER, _NEVER, None, Entries(count, bytes(octets)), source)


def _of_other_issuers(subject: bytes, taken: Sequence[TakenList]) -> bytes:
    """Entries of other CAs' indirect lists about certificates of this one (RFC 5280 section 5.3.3).

    Whether a certificate leaves its revocation to another list issuer stands in the certificate (cRLIssuer),
    and a CertID does not tell. So such an entry does not revoke here, and it keeps from being good.
    """
    return b"".join(
        one.held.records_of(subject)
        for one in taken
        if one.held.issuing is not None
        and one.held.issuing.indirect_crl
        and not same_name(one.held.list.issuer, subject)
    )

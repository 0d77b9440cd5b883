"""A certificate revocation list from its octets (RFC 5280 section 5.1): whole, in one pass, or refused.

Nothing is skipped, guessed or repaired: an entry lost here would later be answered as "good".
Decoding decides nothing: whom the list speaks for is for verify.py, whether to believe it for accept.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from mmap import mmap
from typing import Any, Final, Generic, TypeAlias, TypeVar, overload

from revocation.authorities import Tolerance
from revocation.crl.algorithms import signed_hashes
from revocation.crl.beside import SignedPartHashes
from revocation.crl.digest import joined_digest
from revocation.crl.distribution_points import IssuingDistributionPoint
from revocation.crl.entries import Counted, Entries, EntrySink, EntryWalk, take_entries
from revocation.crl.entry_region import EntryRegion, EntryRules
from revocation.crl.extensions import ListExtensions, read_list_extensions, read_signature_value
from revocation.crl.pages import PagesBehind
from revocation.crl.refusals import walk_refused
from revocation.crl.sniff import check_inner_tag, check_is_list, check_outer_tag
from revocation.der import GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME, DerReader, refused
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused

__all__ = [
    "CertificateList",
    "Counted",
    "DecodedList",
    "Entries",
    "Meanwhile",
    "OctetProgress",
    "Shortcut",
    "Unverified",
    "decode_certificate_list",
]

#: A list larger than this is refused before anything of it is read.
MAX_LIST_OCTETS: Final = 16 * 1024 * 1024 * 1024
#: Everything in a list but its entries is small; more would only cost memory before it is refused.
MAX_FIELD_OCTETS: Final = 1024 * 1024

Kept_co = TypeVar("Kept_co", bound=Counted, covariant=True)
Sink = TypeVar("Sink", bound=EntrySink)

#: Told how many of how many octets are done.
OctetProgress = Callable[[int, int], None]
Octets = bytes | bytearray | memoryview | mmap


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a list says of itself, before anybody knows whose word that is."""

    this_update: datetime
    next_update: datetime | None
    crl_number: int | None
    #: The sink that took them, or what the shortcut said of them.
    entries: Counted


#: Called while the hash of a list goes on beside; the second argument tells whether it has ended.
Meanwhile = Callable[[Unverified, Callable[[], bool]], None]

#: Tells a list's entries without reading them all, or None where it cannot; the second argument hears how
#: far it is.
Shortcut = Callable[[EntryRegion, Callable[[int], None]], Counted | None]


@dataclass(frozen=True, slots=True)
class DecodedList(Generic[Kept_co]):
    """RFC 5280 section 5.1, decoded."""

    #: 1 or 2, as people count.
    version: int
    #: DER of the AlgorithmIdentifier inside the signed part, and of the one outside it.
    tbs_signature_algorithm: bytes
    outer_signature_algorithm: bytes
    #: DER Name.
    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    authority_key_identifier: bytes | None
    crl_number: int | None
    issuing_distribution_point: IssuingDistributionPoint | None
    #: BaseCRLNumber of a delta list.
    delta_base: int | None
    #: OIDs of the list's extensions, of those marked critical, and of these the ones that we do not process.
    extensions: frozenset[str]
    critical_extensions: frozenset[str]
    unknown_critical_extensions: tuple[str, ...]
    #: The sink that took them, where one was given.
    entries: Kept_co
    #: The signed octets; a view into the buffer that was decoded.
    tbs: memoryview
    #: Their hashes by the names that hashlib knows: SHA-256, and that which the signature needs.
    tbs_digests: Mapping[str, bytes]
    signature: bytes
    #: The list digest (digest.py): which file this is.
    sha256: bytes
    #: Octets of the whole file.
    size: int
    #: Offsets of the entries, and how they were read.
    entries_at: tuple[int, int]
    rules: EntryRules


#: A list for whoever does not look at its entries: what they were given to is not his concern.
CertificateList: TypeAlias = DecodedList[Any]


@overload
def decode_certificate_list(
    der: Octets,
    *,
    tolerances: AbstractSet[str] = ...,
    max_octets: int = ...,
    sink: None = None,
    progress: OctetProgress | None = ...,
    meanwhile: Meanwhile | None = ...,
    shortcut: Shortcut | None = ...,
    of_many: bool = ...,
    certificate_issuers: bool = ...,
) -> DecodedList[Entries]: ...


@overload
def decode_certificate_list(
    der: Octets,
    *,
    tolerances: AbstractSet[str] = ...,
    max_octets: int = ...,
    sink: Sink,
    progress: OctetProgress | None = ...,
    meanwhile: Meanwhile | None = ...,
    shortcut: Shortcut | None = ...,
    of_many: bool = ...,
    certificate_issuers: bool = ...,
) -> DecodedList[Sink]: ...


def decode_certificate_list(
    der: Octets,
    *,
    tolerances: AbstractSet[str] = frozenset(),
    max_octets: int = MAX_LIST_OCTETS,
    sink: EntrySink | None = None,
    progress: OctetProgress | None = None,
    meanwhile: Meanwhile | None = None,
    shortcut: Shortcut | None = None,
    of_many: bool = False,
    certificate_issuers: bool = False,
) -> DecodedList[Counted]:
    """The list, or ``InputRefused`` with a code, the byte offset, what was expected and what was got.

    Takes one octet string that does not change while it is read; a mapped file must never be rewritten
    in place. ``tolerances`` are the CA's named ones; only those about encoding matter here. A ``sink`` that
    was filled by a list that is refused in the end is worth nothing. ``progress`` is called from this thread
    after every few megabytes. ``meanwhile`` is called when the entries of a large list are in the sink
    and its hash is still being computed beside: nothing of it is to be believed then. ``shortcut`` is asked
    first what the entries are; only where it does not know are they walked, into the sink. ``of_many``: there
    are lists enough for every core, so this one's hash gets another one only if it is very large.
    ``certificate_issuers``: the entries of an indirect list are taken too; whoever says so has to ask
    ``issuers.py`` whose each of them is.
    """
    data = memoryview(der).cast("B").toreadonly()
    _check_envelope(data, max_octets)
    explicit_default = Tolerance.EXPLICIT_DEFAULT in tolerances
    generalized = Tolerance.GENERALIZED_TIME_BEFORE_2050 in tolerances
    # Of octets that are in memory already: bytes are looked into faster than any view of them.
    whole = DerReader(der if isinstance(der, bytes) else data)
    certificate_list = whole.enter(SEQUENCE, "CertificateList")
    whole.finish("CertificateList")

    check_outer_tag(certificate_list.peek())
    tbs_at = certificate_list.at
    tbs = certificate_list.enter(SEQUENCE, "tbsCertList")
    check_inner_tag(tbs.peek())
    after_tbs = data[certificate_list.at :]
    _check_small("signatureAlgorithm and signatureValue", certificate_list.at, certificate_list.end)
    outer_algorithm = certificate_list.raw(SEQUENCE, "signatureAlgorithm")
    signature = read_signature_value(certificate_list)
    certificate_list.finish("CertificateList")

    version = _read_version(tbs)
    inner_algorithm = _small_sequence(tbs, "signature")
    issuer = _small_sequence(tbs, "issuer")
    canonical_name(issuer)
    this_update = tbs.time("thisUpdate", generalized_before_2050=generalized)
    next_update = None
    if tbs.peek() in {UTC_TIME, GENERALIZED_TIME}:
        next_update = tbs.time("nextUpdate", generalized_before_2050=generalized)
    revoked = (0, 0)
    if tbs.peek() == SEQUENCE:
        # Section 5.1.2.6: absent when there are no entries. An empty one can mean nothing else, so it is
        # taken: refusing it would keep an older list in force, and change no answer.
        revoked = tbs.element(SEQUENCE, "revokedCertificates")
    extensions = ListExtensions()
    if tbs.peek() == 0xA0:
        at = tbs.at
        if version == 1:
            raise refused("DER_VERSION", "crlExtensions", at, "version v2", "extensions in a v1 list")
        _check_small("crlExtensions", at, tbs.end)
        explicit = tbs.enter(0xA0, "crlExtensions")
        extensions = read_list_extensions(
            explicit.enter(SEQUENCE, "crlExtensions"), explicit_default=explicit_default
        )
        explicit.finish("crlExtensions")
    tbs.finish("tbsCertList")

    # All that is small is right; now the entries, and beside them the hash.
    point = extensions.issuing_distribution_point
    # RFC 5280 section 5.3.3: only in a list that says indirectCRL.
    issuers = certificate_issuers and point is not None and point.indirect_crl
    rules = EntryRules(version == 2, explicit_default, generalized, issuers)
    names = signed_hashes(inner_algorithm)
    with SignedPartHashes(der, data, tbs_at, tbs.end, names, of_many=of_many) as hashes:
        found = (
            None
            if shortcut is None
            else shortcut(
                EntryRegion(der, data, *revoked, rules), lambda at: _tell(progress, min(at, hashes.at), data)
            )
        )
        if found is None:
            walk = EntryWalk(data, *revoked, *rules)
            found = take_entries(
                walk, sink, PagesBehind(der), lambda: _tell(progress, min(walk.at, hashes.at), data)
            )
            if walk.refusal is not None:
                raise walk_refused(data, *walk.refusal)
        if meanwhile is not None and not hashes.is_done():
            unverified = Unverified(this_update, next_update, extensions.crl_number, found)
            meanwhile(unverified, hashes.is_done)
        digests = hashes.digests(lambda: _tell(progress, hashes.at, data))
    _tell(progress, len(data), data)
    return DecodedList(
        version=version,
        tbs_signature_algorithm=inner_algorithm,
        outer_signature_algorithm=outer_algorithm,
        issuer=issuer,
        this_update=this_update,
        next_update=next_update,
        authority_key_identifier=extensions.authority_key_identifier,
        crl_number=extensions.crl_number,
        issuing_distribution_point=point,
        delta_base=extensions.delta_base,
        extensions=extensions.present,
        critical_extensions=extensions.critical,
        unknown_critical_extensions=extensions.unknown_critical,
        entries=found,
        tbs=data[tbs_at : tbs.end],
        tbs_digests=digests,
        signature=signature,
        sha256=joined_digest(digests["sha256"], after_tbs),
        size=len(data),
        entries_at=revoked,
        rules=rules,
    )


def _tell(progress: OctetProgress | None, done: int, data: memoryview) -> None:
    if progress is not None:
        progress(done, len(data))


def _read_version(tbs: DerReader) -> int:
    """Section 5.1.2.1: v1 is written by leaving the version out; if present it must be v2 (1)."""
    if tbs.peek() != INTEGER:
        return 1
    at = tbs.at
    version = tbs.integer("version")
    if version != 1:
        raise refused("DER_VERSION", "version", at, "v2 (1), or none for v1", f"v{version + 1}")
    return 2


def _check_envelope(data: memoryview, max_octets: int) -> None:
    size = len(data)
    if size > max_octets:
        raise InputRefused(
            "TOO_LARGE",
            expected=f"a list of at most {max_octets} octets",
            got=f"{size} octets",
            remedy="check that this is the right list, then raise the limit",
        )
    check_is_list(data)


def _check_small(what: str, at: int, end: int) -> None:
    """Fields are copied out of the file, and nobody has verified it yet."""
    if end - at > MAX_FIELD_OCTETS:
        raise refused("DER_SIZE", what, at, f"at most {MAX_FIELD_OCTETS} octets", f"{end - at} octets")


def _small_sequence(reader: DerReader, what: str) -> bytes:
    """The whole next element, header included."""
    at = reader.at
    _, end = reader.element(SEQUENCE, what)
    _check_small(what, at, end)
    return bytes(reader.data[at:end])

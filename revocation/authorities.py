"""The certification authorities that we accept, as data: their keys by generation and their lists.

A ``ca_id`` names an issuer DN. All generations of a JPKI CA share one DN, and each is its own trust
anchor, so a key is never chosen by DN: by the hash of its subjectPublicKey, by AKI, or by signature.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography import x509

from revocation.clock import jst_day
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused
from revocation.identity import MAX_SERIAL_OCTETS, subject_public_key_bits
from revocation.partitions import Partition, PointKey, check_partitions, point_key
from revocation.recorded_acts import RecordedAct

__all__ = [
    "ALL_GENERATIONS",
    "CA_ID",
    "OCSP_HASHES",
    "POLICY_OID",
    "Authorities",
    "Authority",
    "CrlSigning",
    "Generation",
    "Lineage",
    "ListScope",
    "Partition",
    "SignatureAlgorithm",
    "Tolerance",
]

#: Hashes of a CertID that we know (RFC 6960 section 4.1.1), by the names of hashlib.
OCSP_HASHES: Final = ("sha1", "sha256", "sha384", "sha512")

#: Lineage key of a CA whose newest generation signs the lists of all.
ALL_GENERATIONS: Final = "all"

CA_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_SERIAL_LIMIT: Final = 1 << (8 * MAX_SERIAL_OCTETS - 1)
POLICY_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38})){1,31}\Z")


class CrlSigning(StrEnum):
    """Who signs the lists of a CA with several live keys; J-LIS has not published which."""

    EACH_GENERATION = "each_generation"
    NEWEST_FOR_ALL = "newest_for_all"


class SignatureAlgorithm(StrEnum):
    """Names for the allow-list; the AlgorithmIdentifiers behind them are in ``crl/algorithms.py``."""

    RSA_SHA256 = "sha256WithRSAEncryption"
    RSA_SHA384 = "sha384WithRSAEncryption"
    RSA_SHA512 = "sha512WithRSAEncryption"
    RSA_PSS_SHA256 = "rsassaPss-sha256"
    RSA_PSS_SHA384 = "rsassaPss-sha384"
    RSA_PSS_SHA512 = "rsassaPss-sha512"
    ECDSA_SHA256 = "ecdsa-with-SHA256"
    ECDSA_SHA384 = "ecdsa-with-SHA384"
    ED25519 = "Ed25519"


class Tolerance(StrEnum):
    """Quirks that a CA's lists may be allowed; off by default, switched on by a recorded act of two."""

    MISSING_CRL_NUMBER = "missing_crl_number"
    EXPLICIT_DEFAULT = "explicit_default"
    GENERALIZED_TIME_BEFORE_2050 = "generalized_time_before_2050"
    NON_CRITICAL_IDP = "non_critical_issuing_distribution_point"
    CRITICAL_KNOWN_EXTENSION = "critical_known_extension"


@dataclass(frozen=True, slots=True)
class Generation:
    """One key of a CA with its certificate."""

    #: SHA-256 of the subjectPublicKey content: the ``issuer_key`` of the certificates it issued.
    key_id: bytes
    #: "g1" is the oldest.
    name: str
    #: RFC 5280 section 4.2.1.2: from the certificate, or computed by its method (1).
    subject_key_identifier: bytes
    certificate: x509.Certificate
    certificate_sha256: bytes
    #: DER of the certificate's subject, as it stands there: what OCSP clients hash.
    subject: bytes

    def __hash__(self) -> int:
        """What was found out about a key is remembered by it, and asked for with each list."""
        return hash(self.certificate_sha256)

    def expired_on(self, day: date) -> bool:
        """Is the certificate's last JST day over (RFC 5280 section 4.1.2.5: the end is inclusive)?"""
        return jst_day(self.certificate.not_valid_after_utc) < day

    def begun_on(self, day: date) -> bool:
        """Is the certificate valid on a part of that JST day? A CA hands out its next key long before."""
        return jst_day(self.certificate.not_valid_before_utc) <= day


@dataclass(frozen=True, slots=True, order=True)
class Lineage:
    """Certificates that share lists and an index: those of one generation, or of all together."""

    ca_id: str
    #: Hex of the generation's key_id, or ``ALL_GENERATIONS``.
    key_id: str

    def __hash__(self) -> int:
        return hash(self.key_id)

    def __str__(self) -> str:
        return f"{self.ca_id}.{self.key_id[:16]}"


@dataclass(frozen=True, slots=True, order=True)
class ListScope:
    """One list that we expect: lineage, the key that signs it, and the partition."""

    lineage: Lineage
    #: Hex of the key_id of the generation that signs it.
    signing_key: str
    partition_number: int
    #: SHA-256 of the partition's distribution point: the number alone does not say whose list it is.
    point_sha256: bytes

    def __hash__(self) -> int:
        """Enough to tell the lists of a night apart; each is looked up a dozen times."""
        return hash((self.partition_number, self.point_sha256))

    def __eq__(self, other: object) -> bool:
        """As the fields compare; those first that differ first."""
        if not isinstance(other, ListScope):
            return NotImplemented
        return (
            self.partition_number == other.partition_number
            and self.point_sha256 == other.point_sha256
            and self.signing_key == other.signing_key
            and (self.lineage is other.lineage or self.lineage == other.lineage)
        )

    def __str__(self) -> str:
        return f"{self.lineage}/{self.partition_number}"


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA: one DN, its generations (oldest first), its approved partitions, its policy."""

    ca_id: str
    generations: tuple[Generation, ...]
    crl_signing: CrlSigning
    #: Certificate policy OID to kind ("card-sign", "mobile-auth"); several kinds may share a CA.
    kinds: Mapping[str, str]
    partitions: tuple[Partition, ...]
    signature_algorithms: frozenset[str]
    #: May a held certificate come back (phones), or is that an anomaly (cards, CPS 4.9.9)?
    hold_releasable: bool = False
    #: Revocation data may by law be used only to confirm validity: no serial lists, no anonymous answers.
    purpose_limited: bool = True
    #: Serials above it were never issued; None: the operator does not know.
    serial_ceiling: int | None = None
    tolerances: frozenset[str] = frozenset()
    #: Keys whose certificate is over on the day of this view: no list of theirs is expected. See ``on``.
    expired_keys: frozenset[bytes] = frozenset()
    #: Keys whose certificate is not valid yet on that day: none either, and they sign nobody else's lists.
    future_keys: frozenset[bytes] = frozenset()
    _by_key: Mapping[bytes, Generation] = field(init=False, repr=False, compare=False)
    _by_point: Mapping[PointKey, Partition] = field(init=False, repr=False, compare=False)
    _by_number: Mapping[int, Partition] = field(init=False, repr=False, compare=False)
    #: ``expected_lists``, once it was asked for.
    _expected: tuple[ListScope, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not CA_ID.match(self.ca_id):
            raise _refused("a ca_id of 1 to 32 lower-case letters, digits and hyphens", "another text")
        if self.crl_signing not in set(CrlSigning):
            raise _refused(f"crl_signing among {', '.join(CrlSigning)}", "another text")
        # A plain string would compare unequal by identity and quietly mean the other mode.
        object.__setattr__(self, "crl_signing", CrlSigning(self.crl_signing))
        if not self.generations:
            raise _refused("at least one CA certificate", "none")
        check_partitions(self.partitions)
        first = canonical_name(self.generations[0].subject)
        if any(canonical_name(other.subject) != first for other in self.generations):
            raise _refused("one subject DN for all generations", "several", "make one authority for each DN")
        if unknown := self.signature_algorithms - set(SignatureAlgorithm):
            raise _refused(f"algorithms among {', '.join(SignatureAlgorithm)}", ", ".join(sorted(unknown)))
        if not self.signature_algorithms:
            raise _refused("at least one signature algorithm", "none")
        if unknown := self.tolerances - set(Tolerance):
            raise _refused(f"tolerances among {', '.join(Tolerance)}", ", ".join(sorted(unknown)))
        if not all(POLICY_OID.match(oid) and CA_ID.match(kind) for oid, kind in self.kinds.items()):
            raise _refused("kinds by policy OID in dotted decimal", "another text")
        if self.serial_ceiling is not None and not 0 <= self.serial_ceiling < _SERIAL_LIMIT:
            raise _refused(f"a serial ceiling of at most {MAX_SERIAL_OCTETS} octets, not negative", "another")
        by_key = {generation.key_id: generation for generation in self.generations}
        by_point = {point_key(partition.distribution_point): partition for partition in self.partitions}
        by_number = {partition.number: partition for partition in self.partitions}
        if len(by_key) != len(self.generations):
            raise _refused("each key once", "two certificates with one key")
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))
        object.__setattr__(self, "_by_key", by_key)
        object.__setattr__(self, "_by_point", by_point)
        object.__setattr__(self, "_by_number", by_number)

    @property
    def subject(self) -> bytes:
        """DER of the issuer DN, as it stands in the newest certificate."""
        return self.generations[-1].subject

    @property
    def newest(self) -> Generation:
        """Of those that have begun on the day of this view; where none has, the newest of all."""
        begun = [each for each in self.generations if each.key_id not in self.future_keys]
        return (begun or self.generations)[-1]

    def generation(self, key_id: bytes) -> Generation | None:
        return self._by_key.get(key_id)

    def partition(self, number: int) -> Partition | None:
        return self._by_number.get(number)

    def partition_for(self, distribution_point: bytes) -> Partition | None:
        """The partition of a CRLDP or IDP directoryName (DER), compared as RFC 5280 section 7.1 wants."""
        return self._by_point.get(point_key(distribution_point))

    def lineage_of(self, issuer_key: bytes) -> Lineage | None:
        """Where the certificates of this key are looked up; None for a key that is not ours."""
        if issuer_key not in self._by_key:
            return None
        if self.crl_signing is CrlSigning.NEWEST_FOR_ALL:
            return Lineage(self.ca_id, ALL_GENERATIONS)
        return Lineage(self.ca_id, issuer_key.hex())

    def lineages(self) -> tuple[Lineage, ...]:
        if self.crl_signing is CrlSigning.NEWEST_FOR_ALL:
            return (Lineage(self.ca_id, ALL_GENERATIONS),)
        return tuple(Lineage(self.ca_id, generation.key_id.hex()) for generation in self.generations)

    def expected_lists(self) -> tuple[ListScope, ...]:
        """Every list that a complete set holds: each lineage times each partition that is not closed.

        Days are not looked at here: ``on`` gives the authority as it stands on a day.
        """
        if self._expected is None:
            idle = self.expired_keys | self.future_keys
            expected = tuple(
                ListScope(lineage, signing_key, partition.number, partition.point_sha256)
                for lineage in self.lineages()
                if bytes.fromhex(signing_key := self._signing_key(lineage)) not in idle
                for partition in self.partitions
                if partition.closed is None
            )
            object.__setattr__(self, "_expected", expected)
            return expected
        return self._expected

    def _signing_key(self, lineage: Lineage) -> str:
        return self.newest.key_id.hex() if lineage.key_id == ALL_GENERATIONS else lineage.key_id

    def on(self, day: date) -> Authority | None:
        """The authority as it stands on a JST day; itself where every date in it lies behind.

        A partition that opens later is not there yet; one that closes later is open; a key whose
        certificate is over, or not valid yet, has no list. None: no partition has opened, the CA has not
        begun.
        """
        partitions = tuple(found for one in self.partitions if (found := one.on(day)) is not None)
        expired = frozenset(g.key_id for g in self.generations if g.expired_on(day))
        future = frozenset(g.key_id for g in self.generations if not g.begun_on(day))
        if (partitions, expired, future) == (self.partitions, self.expired_keys, self.future_keys):
            return self
        if not partitions:
            return None
        return replace(self, partitions=partitions, expired_keys=expired, future_keys=future)


class Authorities:
    """All authorities of this service; immutable, and quick to find in.

    ``version`` rises by one with each recorded act of two people; 0: never changed by one.
    """

    __slots__ = ("_acts", "_by_id", "_by_key", "_by_ocsp", "_version")

    def __init__(
        self, authorities: Iterable[Authority], *, version: int = 0, acts: Sequence[RecordedAct] = ()
    ) -> None:
        if [act.version for act in acts] != list(range(1, version + 1)):
            raise _refused("one recorded act for each version, in order", "others")
        self._version = version
        self._acts = tuple(acts)
        self._by_id: dict[str, Authority] = {}
        self._by_key: dict[bytes, tuple[Authority, Generation]] = {}
        self._by_ocsp: dict[tuple[str, bytes, bytes], tuple[Authority, Generation]] = {}
        for authority in authorities:
            if authority.ca_id in self._by_id:
                raise _refused("each ca_id once", "a ca_id twice")
            self._by_id[authority.ca_id] = authority
            for generation in authority.generations:
                self._add(authority, generation)

    def _add(self, authority: Authority, generation: Generation) -> None:
        if generation.key_id in self._by_key:
            raise _refused("each CA key in one authority", "one key in two")
        self._by_key[generation.key_id] = (authority, generation)
        bits = subject_public_key_bits(generation.certificate.public_key())
        for hash_name in OCSP_HASHES:
            name_hash = hashlib.new(hash_name, generation.subject, usedforsecurity=False).digest()
            key_hash = hashlib.new(hash_name, bits, usedforsecurity=False).digest()
            self._by_ocsp[hash_name, name_hash, key_hash] = (authority, generation)

    @property
    def version(self) -> int:
        return self._version

    @property
    def acts(self) -> tuple[RecordedAct, ...]:
        return self._acts

    def on(self, day: date) -> Authorities:
        """The authorities as they stand on a JST day: what a night and a server work with.

        The day is an argument of the caller's clock. Nobody else looks at dates: ``expected_lists``,
        coverage and status know only open and closed.
        """
        found = (authority.on(day) for authority in self)
        return Authorities(
            [authority for authority in found if authority is not None], version=self.version, acts=self.acts
        )

    def __iter__(self) -> Iterator[Authority]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_id(self, ca_id: str) -> Authority | None:
        return self._by_id.get(ca_id)

    def by_issuer_key(self, key_id: bytes) -> tuple[Authority, Generation] | None:
        return self._by_key.get(key_id)

    def by_ocsp_issuer(
        self, hash_name: str, name_hash: bytes, key_hash: bytes
    ) -> tuple[Authority, Generation] | None:
        """By a CertID's two hashes, which must belong together (RFC 6960 section 4.1.1)."""
        return self._by_ocsp.get((hash_name, name_hash, key_hash))

    def ocsp_issuers(self) -> list[tuple[str, bytes, bytes, Authority, Generation]]:
        """(hash name, name hash, key hash) of every CertID that is of a key of ours, and whose."""
        return [(*hashes, *found) for hashes, found in self._by_ocsp.items()]

    def expected_lists(self) -> tuple[ListScope, ...]:
        return tuple(scope for authority in self for scope in authority.expected_lists())

    @classmethod
    def load(cls, path: Path) -> Authorities:
        """From ``authorities.json``; refuses whole what is not exactly that format."""
        from revocation.authority_file import read_authorities

        return read_authorities(path)

    def dump(self, path: Path) -> None:
        """To ``authorities.json``, whole or not at all."""
        from revocation.authority_file import write_authorities

        write_authorities(self, path)


def _refused(expected: str, got: str, remedy: str = "correct the authorities file") -> InputRefused:
    return InputRefused("AUTHORITY_MALFORMED", expected=expected, got=got, remedy=remedy)

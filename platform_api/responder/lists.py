"""From files to lists that may be believed: the rules of acceptance, with what any CA may do.

Nothing is left out silently: a list that cannot be taken, for whatever rule, is refused with the name of its
file, and then nothing is. Only that a list has lapsed is no refusal: its CA is answered with tryLater, and
other CAs go on being answered.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from platform_api.responder.given import Given, check_file
from revocation.authorities import Authority, Generation, SignatureAlgorithm, Tolerance
from revocation.authority_certificates import authority_from_certificates, generation_of
from revocation.certificate_files import read_certificates
from revocation.checker.files import Files
from revocation.checker.lists import HeldList
from revocation.crl.accept import check_this_update
from revocation.crl.applies import scope_of
from revocation.crl.signer import check_signer_validity
from revocation.crl.verify import verify_list
from revocation.distinguished_names import CanonicalName, canonical_name
from revocation.errors import InputRefused, OutsideFailed
from revocation.partitions import Partition

#: What may be tolerated. Weak signatures never: by them anybody could say good.
TOLERATED: Final = frozenset(
    (Tolerance.MISSING_CRL_NUMBER, Tolerance.EXPLICIT_DEFAULT, Tolerance.CRITICAL_KNOWN_EXTENSION)
)
#: What of the rules' remedies is another one here.
_REMEDIES: Final[Mapping[str, str]] = {
    "SIGNATURE_INVALID": "fetch it again; if the CA has a new key, give its certificate with another --ca",
    "CRL_NUMBER_MISSING": f"ask the CA, or give --tolerate {Tolerance.MISSING_CRL_NUMBER}",
    "KNOWN_EXTENSION_CRITICAL": f"ask the CA, or give --tolerate {Tolerance.CRITICAL_KNOWN_EXTENSION}",
    "DER_EXPLICIT_DEFAULT": f"fetch it again, or give --tolerate {Tolerance.EXPLICIT_DEFAULT}",
    "SIGNER_EXPIRED": "check this host's clock, or give --at; else give the newer key of the CA",
}
#: The only partition of an authority that is there to verify with.
_UNDIVIDED: Final = (Partition(1, b"", ""),)


@dataclass(frozen=True, slots=True)
class TakenList:
    """One that passed every rule but that of its end."""

    held: HeldList
    generation: Generation
    #: Equal for lists of one scope (RFC 5280 section 6.3.3 (c) (2)).
    scope: object
    #: The name of its file, for people.
    file: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """A subject DN with a generation for each key: to verify lists with, never to answer from."""

    authority: Authority
    #: For each key those that are of one CA with it, itself among them: one certifies the other, directly or
    #: over several, under this name (a key roll, RFC 4210 section 4.4). Without that, two keys under one
    #: name are two CAs.
    kin: Mapping[bytes, frozenset[bytes]]


def take_certificates(given: Given) -> tuple[Issuer, ...]:
    """Every certificate of every file, by name and key."""
    by_name: dict[CanonicalName, list[Generation]] = {}
    for path in given.certificates:
        check_file(path)
        for certificate in read_certificates([path]):
            try:
                # Everything that is asked of a CA's certificate, while its file is known.
                generation = generation_of(certificate, "g1")
            except InputRefused as error:
                raise of_file(error, path.name) from None
            by_name.setdefault(canonical_name(generation.subject), []).append(generation)
    return tuple(_issuer(number, found) for number, found in enumerate(by_name.values(), 1))


def _issuer(number: int, found: Sequence[Generation]) -> Issuer:
    by_key: dict[bytes, Generation] = {}
    for one in found:
        known = by_key.setdefault(one.key_id, one)
        # A CA certifies its key again before its certificate runs out: the one valid longest counts.
        if known.certificate.not_valid_after_utc < one.certificate.not_valid_after_utc:
            by_key[one.key_id] = one
    kin = {key: frozenset((key,)) for key in by_key}
    for one in found:
        for other in by_key.values():
            if other.key_id not in kin[one.key_id] and _certifies(other, one):
                together = kin[one.key_id] | kin[other.key_id]
                kin.update(dict.fromkeys(together, together))
    authority = authority_from_certificates(
        f"issuer-{number}",
        [generation.certificate for generation in by_key.values()],
        partitions=_UNDIVIDED,
        signature_algorithms=frozenset(SignatureAlgorithm),
    )
    return Issuer(authority, kin)


def _certifies(one: Generation, other: Generation) -> bool:
    try:
        other.certificate.verify_directly_issued_by(one.certificate)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def take_lists(given: Given, issuers: Sequence[Issuer], room: Path, now: datetime) -> tuple[TakenList, ...]:
    """Every list of every file, in order. ``room``: an empty folder for copies of the files.

    Whoever replaces a list may write it in place; a mapped file that shrinks would end this process.
    """
    by_name = {canonical_name(issuer.authority.subject): issuer.authority for issuer in issuers}
    files = Files()
    found: list[TakenList] = []
    for number, path in enumerate(given.lists):
        copy = room / f"{number}.crl"
        _copy(path, copy)
        try:
            for held in files.lists(str(copy), given.tolerances):
                found.append(_taken(held, by_name, path.name, now))
        except InputRefused as error:
            raise of_file(error, path.name) from None
    return tuple(found)


def _copy(path: Path, copy: Path) -> None:
    check_file(path)
    try:
        shutil.copyfile(path, copy)
    except OSError as error:
        raise OutsideFailed(
            "FILE_UNREADABLE",
            expected=f"a file that can be read at {path}, and room for a copy of it in the temporary folder",
            got=error.strerror or type(error).__name__,
            remedy="check the path, its permissions and the disk of TMPDIR",
        ) from None


def _taken(held: HeldList, by_name: Mapping[CanonicalName, Authority], file: str, now: datetime) -> TakenList:
    if held.refused is not None:
        raise held.refused
    found = held.list
    issuer = by_name.get(canonical_name(found.issuer))
    if issuer is None:
        raise InputRefused(
            "ISSUER_UNKNOWN",
            expected="a list whose issuer is one of the CAs given",
            got="another issuer",
            remedy="give that CA's certificate with another --ca, or leave its list out",
        )
    generation = verify_list(found, issuer)
    if held.doubt is not None:
        raise held.doubt
    check_signer_validity(generation, now)
    check_this_update(found, now)
    if held.issuing is not None and held.issuing.only_contains_attribute_certs:
        raise InputRefused(
            "SCOPE_ATTRIBUTE_CERTIFICATES",
            expected="a list of public key certificates",
            got="onlyContainsAttributeCerts (RFC 5280 section 5.2.5)",
            remedy="leave it out: nobody asks this responder about attribute certificates",
        )
    return TakenList(held, generation, scope_of(held.issuing, found.issuer), file)


def of_file(error: InputRefused, name: str) -> InputRefused:
    """The same refusal, with the file's name and the remedy of this command."""
    return InputRefused(
        error.code,
        expected=error.expected,
        got=f"{error.got}, in {name}",
        remedy=_REMEDIES.get(error.code, error.remedy),
    )

"""Who signs our OCSP answers, and with which certificate (RFC 6960 section 4.2.2.2).

Locally trusted: responder certificates for all CAs, which each client pins. Delegated: certificates from the
very key that issued the certificate in question, with id-kp-OCSPSigning. There may be several of either, so
that a new one takes over without a gap: each signs in its time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.authorities import Generation
from revocation.coverage import CLOCK_TOLERANCE
from revocation.errors import InputRefused
from revocation.identity import subject_public_key_bits
from revocation.ocsp.responder_certificates import (
    check_delegated,
    check_issued_by,
    check_key,
    check_local,
    refused_certificate,
)
from revocation.ocsp.response import ResponseTemplate
from revocation.ocsp.signer_expiry import Expiry, expiry
from revocation.ocsp.signing_keys import ResponderKey, SigningKey, signing_key

#: A certificate, and its private key.
Pair = tuple[x509.Certificate, ResponderKey | SigningKey]


class ResponderIdentity:
    """A certificate and its private key, checked to belong together, with what its answers share."""

    __slots__ = ("_bare", "_whole", "certificate", "key", "not_after", "not_before")

    def __init__(self, certificate: x509.Certificate, key: ResponderKey | SigningKey) -> None:
        self.certificate: Final = certificate
        self.key: Final = signing_key(key)
        check_key(certificate, self.key)
        #: Both inclusive (RFC 5280 section 4.1.2.5).
        self.not_before: Final = certificate.not_valid_before_utc
        self.not_after: Final = certificate.not_valid_after_utc
        # RFC 6960 section 4.2.1: KeyHash is SHA-1, whatever a CertID's hash; a name, not a protection.
        key_hash = hashlib.sha1(
            subject_public_key_bits(certificate.public_key()), usedforsecurity=False
        ).digest()
        self._bare: Final = ResponseTemplate(key_hash, self.key.algorithm)
        self._whole: Final = ResponseTemplate(
            key_hash, self.key.algorithm, certificate.public_bytes(Encoding.DER)
        )

    def template(self, *, with_certificate: bool) -> ResponseTemplate:
        return self._whole if with_certificate else self._bare

    def valid_at(self, now: datetime) -> bool:
        """May it sign now? At its very last moment no answer of it could last."""
        return self.not_before <= now < self.not_after


class Signer(Protocol):
    """Finds who may sign for certificates of a generation."""

    def identity_for(self, generation: Generation, now: datetime) -> ResponderIdentity | None:
        """The one to sign now. None: nobody may; then nothing is ever signed for it.

        Where none is valid now one that is not: whoever signs looks at ``valid_at`` before.
        """
        ...

    def check(self, generation: Generation, now: datetime) -> None:
        """At start: raise ``InputRefused`` where a certificate may not sign for it, or none is valid now."""
        ...

    def expiries(self, now: datetime) -> list[Expiry]:
        """When the last word of each signer ends, for alarms."""
        ...


class LocallyTrustedSigner:
    """One responder for every CA; right only for clients that pin its certificates."""

    def __init__(self, certificate: x509.Certificate, key: ResponderKey | SigningKey, *others: Pair) -> None:
        self._identities: Final = _identities(((certificate, key), *others))
        for identity in self._identities:
            check_local(identity.certificate)

    def identity_for(
        self,
        generation: Generation,  # noqa: ARG002 - the same for all
        now: datetime,
    ) -> ResponderIdentity | None:
        return in_force(self._identities, now)

    def check(self, generation: Generation, now: datetime) -> None:  # noqa: ARG002 - the same for all
        _check_dates(self._identities, now)

    def expiries(self, now: datetime) -> list[Expiry]:
        return [expiry("local", _ends(self._identities), now)]


class DelegatedSigners:
    """Responder certificates for each generation, by ``Generation.key_id``: one, or several of which each
    signs in its time."""

    def __init__(self, identities: Mapping[bytes, Pair | Sequence[Pair]]) -> None:
        self._identities: Final = {key_id: _identities(_pairs(given)) for key_id, given in identities.items()}
        for found in self._identities.values():
            for identity in found:
                check_delegated(identity.certificate)
        #: Those of a generation that its certificate did issue, by the certificate's SHA-256.
        self._authorised: Final[dict[bytes, tuple[ResponderIdentity, ...]]] = {}
        self._names: Final[dict[bytes, str]] = {}

    def identity_for(self, generation: Generation, now: datetime) -> ResponderIdentity | None:
        found = self._authorised.get(generation.certificate_sha256)
        if found is None:
            found = self._authorised_by(generation)
        return in_force(found, now) if found else None

    def check(self, generation: Generation, now: datetime) -> None:
        found = self._identities.get(generation.key_id, ())
        for identity in found:
            check_issued_by(identity.certificate, generation.certificate)
        # A key whose own certificate is over gets no new delegate; what it issued is over as well.
        if found and now <= generation.certificate.not_valid_after_utc:
            _check_dates(found, now)
        self._authorised_by(generation)

    def expiries(self, now: datetime) -> list[Expiry]:
        return [
            expiry("delegated", _ends(found), now, key_id=key_id, generation=self._names.get(key_id))
            for key_id, found in self._identities.items()
        ]

    def _authorised_by(self, generation: Generation) -> tuple[ResponderIdentity, ...]:
        """A CA may be added, or certified anew, while we answer: its delegates are checked then."""
        found = tuple(
            each for each in self._identities.get(generation.key_id, ()) if _issued(each, generation)
        )
        self._authorised[generation.certificate_sha256] = found
        self._names[generation.key_id] = generation.name
        return found


def in_force(identities: Sequence[ResponderIdentity], now: datetime) -> ResponderIdentity:
    """The one to sign now: of those valid the one that began last.

    Clocks differ, so one that began or ends within the tolerance of now signs only where no other can. Where
    none is valid: the one that ended last, or the first to come; it signs nothing.
    """
    if len(identities) == 1:
        return identities[0]
    early, late = now - CLOCK_TOLERANCE, now + CLOCK_TOLERANCE
    valid = [each for each in identities if each.valid_at(now)]
    ready = [each for each in valid if each.not_before <= early and late <= each.not_after]
    return max(ready or valid or identities, key=_began)


def _ends(identities: Iterable[ResponderIdentity]) -> datetime:
    return max(identity.not_after for identity in identities)


def _began(identity: ResponderIdentity) -> tuple[datetime, datetime]:
    return identity.not_before, identity.not_after


def _check_dates(identities: Iterable[ResponderIdentity], now: datetime) -> None:
    if not any(identity.valid_at(now) for identity in identities):
        raise refused_certificate(
            "a responder certificate that is valid now", "only such as have ended or not begun"
        )


def _issued(identity: ResponderIdentity, generation: Generation) -> bool:
    try:
        check_issued_by(identity.certificate, generation.certificate)
    except InputRefused:
        return False
    return True


def _identities(pairs: Iterable[Pair]) -> tuple[ResponderIdentity, ...]:
    return tuple(ResponderIdentity(certificate, key) for certificate, key in pairs)


def _pairs(given: Pair | Sequence[Pair]) -> Sequence[Pair]:
    """One pair stands for a sequence of one."""
    if isinstance(given[0], x509.Certificate):
        return (given,)  # type: ignore[return-value] # a tuple's shape is not narrowed by its first item
    return given  # type: ignore[return-value]

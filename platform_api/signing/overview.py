"""What there is to sign with on this machine, for people: ``jpki responder-key list`` and ``jpki doctor``.

Nothing is asked of a token here: a look must never be the login that locks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from platform_api.signing.pairs import FOLDER, pair_names, read_certificate, read_pair
from platform_api.signing.token_keys import TokenKey
from revocation.errors import RevocationError
from revocation.ocsp.signer_expiry import Expiry, expiry
from revocation.ocsp.signing import ResponderIdentity, in_force

#: The first pair, which lies beside the folder.
FIRST: Final = "responder"
_RFC_3339: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Seen:
    """One pair, or why it is none."""

    name: str
    certificate: x509.Certificate | None
    on_token: bool
    refusal: RevocationError | None
    #: Would answers be signed with it now?
    signs: bool

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "signs": self.signs, "on_token": self.on_token}
        if self.refusal is not None:
            found |= {"error": self.refusal.code, "got": self.refusal.got, "remedy": self.refusal.remedy}
        if self.certificate is not None:
            found |= described(self.certificate)
        return found


def described(certificate: x509.Certificate) -> dict[str, Any]:
    """What somebody who pins it compares."""
    return {
        "algorithm": _algorithm(certificate),
        "not_before": f"{certificate.not_valid_before_utc:{_RFC_3339}}",
        "not_after": f"{certificate.not_valid_after_utc:{_RFC_3339}}",
        "sha256": certificate.fingerprint(SHA256()).hex(),
    }


def overview(keys: Path, now: datetime) -> list[Seen]:
    """The first pair and those of ``keys/responders/``. Blocking; empty before the first start."""
    found: list[tuple[str, ResponderIdentity | RevocationError, x509.Certificate | None]] = []
    places = [(keys, FIRST)] if (keys / f"{FIRST}.crt").exists() else []
    places += [(keys / FOLDER, name) for name in pair_names(keys / FOLDER)]
    for folder, name in places:
        try:
            found.append((name, ResponderIdentity(*read_pair(folder, name)), None))
        except RevocationError as error:
            found.append((name, error, _certificate(folder / f"{name}.crt")))
    whole = [one for _, one, _ in found if isinstance(one, ResponderIdentity)]
    signing = in_force(whole, now) if whole else None
    return list(_seen(found, signing, now))


def _seen(
    found: list[tuple[str, ResponderIdentity | RevocationError, x509.Certificate | None]],
    signing: ResponderIdentity | None,
    now: datetime,
) -> Iterator[Seen]:
    for name, one, certificate in found:
        if isinstance(one, ResponderIdentity):
            signs = one is signing and one.valid_at(now)
            yield Seen(name, one.certificate, isinstance(one.key, TokenKey), None, signs)
        else:
            yield Seen(name, certificate, False, one, False)


def last_end(seen: list[Seen], now: datetime) -> Expiry | None:
    """When nobody signs any more; None where there is no pair."""
    ends = [one.certificate.not_valid_after_utc for one in seen if one.certificate and one.refusal is None]
    return expiry("local", max(ends), now) if ends else None


def _certificate(path: Path) -> x509.Certificate | None:
    try:
        return read_certificate(path)
    except RevocationError:
        return None


def _algorithm(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    return f"P-{key.key_size}" if isinstance(key, ec.EllipticCurvePublicKey) else "Ed25519"

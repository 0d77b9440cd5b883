"""A world on its way from the process that read the files to those that answer from it.

They read none of the files: whoever starts in the place of a dead worker, when a file is broken, answers as
the others do. The set they map themselves; the rest, keys of signers among it, comes over the channel
(``workers/control.py``), which is in memory alone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

from platform_api.responder.room import Room
from platform_api.responder.signers import FileSigners, ReadKey
from platform_api.signing.token_keys import TokenFile, TokenKey
from revocation.authorities import Authorities
from revocation.authority_file import content_of, parse_authorities
from revocation.ocsp.signing import ResponderIdentity
from revocation.ocsp.signing_keys import SigningKey
from revocation.snapshot.current import Snapshot, open_snapshot


class Answerable(Protocol):
    """What is needed to answer: of a ``World``, or of one that was handed over."""

    @property
    def authorities(self) -> Authorities: ...

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def signers(self) -> FileSigners: ...


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A world as a worker has it."""

    authorities: Authorities
    snapshot: Snapshot
    signers: FileSigners


def handed(world: Answerable, room: Room) -> dict[str, Any]:
    """JSON values, secrets among them: for nobody but our own workers."""
    number = world.snapshot.seq
    return {
        "number": number,
        "set": str(room.of(number)),
        "publisher": _text(room.publisher.public_key().public_bytes_raw()),
        "authorities": content_of(world.authorities).decode(),
        "signers": [
            (_text(identity.certificate.public_bytes(Encoding.DER)), _key_of(identity))
            for identity in world.signers.identities
        ],
    }


def opened(news: Mapping[str, Any]) -> Opened:
    """Blocking: the whole set is verified. Raises ``OwnFault`` and ``OSError`` where it cannot be had."""
    publisher = Ed25519PublicKey.from_public_bytes(_octets(news["publisher"]))
    snapshot = open_snapshot(Path(news["set"]), news["number"], (publisher,))
    certificates = [x509.load_der_x509_certificate(_octets(one)) for one, _ in news["signers"]]
    identities = [
        ResponderIdentity(certificate, _key_in(key, certificate))
        for certificate, (_, key) in zip(certificates, news["signers"], strict=True)
    ]
    return Opened(
        parse_authorities(news["authorities"].encode()),
        snapshot,
        FileSigners(identities),
    )


def _key_of(identity: ResponderIdentity) -> dict[str, Any]:
    """The key itself, or on which token it lies: each process logs in by itself."""
    key = identity.key
    if isinstance(key, TokenKey):
        return {"token": key.said.model_dump(mode="json")}
    if not isinstance(key, ReadKey):
        raise AssertionError("expected a key that was read from a file")  # noqa: TRY004 - a fault of ours
    return {"pkcs8": _text(key.pkcs8())}


def _key_in(handed_over: Mapping[str, Any], certificate: x509.Certificate) -> SigningKey:
    if "token" in handed_over:
        public = certificate.public_key()
        return TokenKey(TokenFile.model_validate(handed_over["token"]), public)  # type: ignore[arg-type] # it was taken
    return ReadKey(load_der_private_key(_octets(handed_over["pkcs8"]), None))  # type: ignore[arg-type] # as well


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)

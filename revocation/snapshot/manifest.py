"""The manifest of a set: one line of canonical JSON and one line with its Ed25519 signature (RFC 8032).

It names the set's files with their hashes (``tree_hash.py``) and the manifest before it, so that the newest
signed manifest vouches for every octet of its set and for the chain behind it. FORMAT.md has the fields.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from revocation.authorities import Lineage
from revocation.errors import OwnFault

FORMAT: Final = "revocation-set/2"

#: Signed before the JSON, so that a signature over a set can never stand for anything else.
_CONTEXT: Final = FORMAT.encode("ascii") + b"\n"

_SIGNATURE: Final = re.compile(rb"ed25519 ([A-Za-z0-9+/]{86}==)\Z")
_FILE_NAME: Final = re.compile(r"[a-z0-9-]{1,32}\.[0-9a-z]{1,16}\.[0-9]{8}\.index\Z")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One lineage's file in this set."""

    lineage: Lineage
    name: str
    size: int
    #: ``tree_hash.py``, hex.
    sha256_tree: str
    entries: int
    gone: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the publisher signed."""

    seq: int
    #: (seq, SHA-256) of the set that this one was built upon; None for the first.
    previous: tuple[int, str] | None
    created_at: datetime
    #: JST date of the set's earliest thisUpdate; a label, nothing is decided by it.
    business_date: date | None
    partial: bool
    accepted: int
    carried: int
    absent: int
    files: tuple[IndexFile, ...]
    #: Raw Ed25519 public key of the publisher, hex; readers compare it with the keys they pinned.
    publisher: str
    #: SHA-256 of the JSON line.
    sha256: str = ""

    @property
    def snapshot_id(self) -> str:
        return self.sha256[:32]

    def body(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, ASCII values; the same set gives the same octets."""
        return orjson.dumps(
            {
                "format": FORMAT,
                "seq": self.seq,
                "previous": None
                if self.previous is None
                else dict(zip(_PREVIOUS, self.previous, strict=True)),
                "created_at": self.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "business_date": None if self.business_date is None else self.business_date.isoformat(),
                "partial": self.partial,
                "lists": {"accepted": self.accepted, "carried": self.carried, "absent": self.absent},
                "files": [
                    {
                        "ca_id": file.lineage.ca_id,
                        "key_id": file.lineage.key_id,
                        "name": file.name,
                        "size": file.size,
                        "sha256_tree": file.sha256_tree,
                        "entries": file.entries,
                        "gone": file.gone,
                    }
                    for file in self.files
                ],
                "publisher": self.publisher,
            },
            option=orjson.OPT_SORT_KEYS,
        )


_PREVIOUS: Final = ("seq", "sha256")


def public_hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()


def sign_manifest(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """The manifest file: JSON line, signature line."""
    body = manifest.body()
    signature = base64.b64encode(key.sign(_CONTEXT + body))
    return body + b"\ned25519 " + signature + b"\n"


def embedded_publisher(data: bytes) -> Ed25519PublicKey:
    """The key that a manifest says it was signed with: proves that it is whole, not where it is from."""
    body, _ = _split(data)
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(orjson.loads(body)["publisher"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise _corrupt("the fields of a manifest", "others") from error


def read_manifest(data: bytes, trusted: Sequence[Ed25519PublicKey]) -> Manifest:
    """Check the signature against the pinned keys, then every field."""
    body, signature = _split(data)
    publisher = embedded_publisher(data)
    if public_hex(publisher) not in {public_hex(key) for key in trusted}:
        raise OwnFault(
            "PUBLISHER_NOT_TRUSTED",
            expected="a manifest by a pinned publisher key",
            got="one by another key",
            remedy="pin the publisher's new key, or find out who wrote into the snapshot folder",
        )
    try:
        publisher.verify(signature, _CONTEXT + body)
    except InvalidSignature as error:
        raise OwnFault(
            "MANIFEST_SIGNATURE_INVALID",
            expected="a manifest with its publisher's signature",
            got="a signature that does not verify",
            remedy="restore the manifest; the last good set keeps serving",
        ) from error
    try:
        manifest = _parse(orjson.loads(body), hashlib.sha256(body).hexdigest())
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise _corrupt("the fields of a manifest", "others") from error
    if manifest.body() != body:
        raise _corrupt("canonical JSON", "another spelling")
    return manifest


def _split(data: bytes) -> tuple[bytes, bytes]:
    lines = data.split(b"\n")
    if len(lines) != 3 or lines[2]:
        raise _corrupt("two lines: JSON and signature", "others")
    match = _SIGNATURE.match(lines[1])
    if not match:
        raise _corrupt("a line with an Ed25519 signature", "another")
    signature = base64.b64decode(match.group(1))
    # RFC 4648 section 3.5: the last character has four bits that decode to nothing; one spelling counts.
    if base64.b64encode(signature) != match.group(1):
        raise _corrupt("canonical base64", "another spelling")
    return lines[0], signature


def _parse(value: dict[str, Any], digest: str) -> Manifest:
    if value["format"] != FORMAT:
        raise ValueError("format")
    files = tuple(
        IndexFile(
            lineage=Lineage(file["ca_id"], file["key_id"]),
            name=_matching(_FILE_NAME, file["name"]),
            size=_natural(file["size"]),
            sha256_tree=_matching(_DIGEST, file["sha256_tree"]),
            entries=_natural(file["entries"]),
            gone=_natural(file["gone"]),
        )
        for file in value["files"]
    )
    previous = value["previous"]
    return Manifest(
        seq=_natural(value["seq"]),
        previous=None
        if previous is None
        else (_natural(previous["seq"]), _matching(_DIGEST, previous["sha256"])),
        created_at=datetime.fromisoformat(value["created_at"]),
        business_date=None if value["business_date"] is None else date.fromisoformat(value["business_date"]),
        partial=bool(value["partial"]),
        accepted=_natural(value["lists"]["accepted"]),
        carried=_natural(value["lists"]["carried"]),
        absent=_natural(value["lists"]["absent"]),
        files=files,
        publisher=value["publisher"],
        sha256=digest,
    )


def _natural(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("number")
    return value


def _matching(pattern: re.Pattern[str], value: str) -> str:
    # A name that left the pattern could leave the folder: "../" must never reach the file system.
    if not pattern.match(value):
        raise ValueError("text")
    return value


def _corrupt(expected: str, got: str) -> OwnFault:
    return OwnFault(
        "MANIFEST_CORRUPT",
        expected=expected,
        got=got,
        remedy="restore the manifest; the last good set keeps serving",
    )

"""The manifest: canonical, signed, chained; nothing else is read as one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from revocation.errors import OwnFault
from revocation.snapshot.manifest import (
    Manifest,
    embedded_publisher,
    public_hex,
    read_manifest,
    sign_manifest,
)
from revocation.snapshot.names import manifest_path
from tests.revocation.sets import (
    PUBLISHER,
    T0,
    every_list,
    reader,
    store,
    world,
)


def manifest_of(tmp_path: Path) -> tuple[Manifest, bytes]:
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    data = manifest_path(tmp_path, 1).read_bytes()
    return read_manifest(data, [PUBLISHER.public_key()]), data


def test_a_manifest_survives_writing_and_reading(tmp_path: Path) -> None:
    """Signing what was read gives the same octets: canonical, and Ed25519 has no randomness."""
    manifest, data = manifest_of(tmp_path)
    assert sign_manifest(manifest, PUBLISHER) == data
    assert public_hex(embedded_publisher(data)) == public_hex(PUBLISHER.public_key())
    assert manifest.snapshot_id == manifest.sha256[:32]
    assert manifest.previous is None


def test_every_flipped_bit_of_a_manifest_is_refused(tmp_path: Path) -> None:
    """Whichever octet: never read as another manifest. At the end each bit: some of base64's mean nothing."""
    _, data = manifest_of(tmp_path)
    for at in range(len(data)):
        for bit in range(8) if at >= len(data) - 8 else [at % 8]:
            broken = bytearray(data)
            broken[at] ^= 1 << bit
            with pytest.raises(OwnFault):
                read_manifest(bytes(broken), [PUBLISHER.public_key()])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":1', b'"seq":-1'),
        (b'"seq":1', b'"seq":true'),
        (b'"seq":1', b'"seq": 1'),
        (b'"format":"revocation-set/2"', b'"format":"revocation-set/3"'),
        (b'"name":"card-sign', b'"name":"../card-sign'),
        (b'"partial":false', b'"partial":null'),
        (b'"created_at":"2026', b'"created_at":"xxxx'),
        (b'"lists":{', b'"list":{'),
        (b"{", b"["),
    ],
)
def test_a_well_signed_manifest_with_wrong_fields_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    """A signature does not make a path outside the folder, another format or odd JSON acceptable."""
    import base64

    _, data = manifest_of(tmp_path)
    body = data.split(b"\n")[0].replace(old, new, 1)
    signature = base64.b64encode(PUBLISHER.sign(b"revocation-set/2\n" + body))
    with pytest.raises(OwnFault, match="MANIFEST_CORRUPT"):
        read_manifest(body + b"\ned25519 " + signature + b"\n", [PUBLISHER.public_key()])


def test_the_chain_names_the_manifest_before(tmp_path: Path) -> None:
    """Each manifest holds the hash of the one it was built upon; a swapped one ends the chain."""
    authorities, authority = world()
    writer = store(tmp_path)
    for day in range(3):
        writer.publish(every_list(authority, day), authorities, now=T0)
    manifests = [
        read_manifest(manifest_path(tmp_path, seq).read_bytes(), [PUBLISHER.public_key()])
        for seq in (1, 2, 3)
    ]
    assert [m.previous for m in manifests] == [
        None,
        (1, manifests[0].sha256),
        (2, manifests[1].sha256),
    ]
    forged = replace(manifests[0], partial=not manifests[0].partial)
    os.unlink(manifest_path(tmp_path, 1))  # noqa: PTH108
    manifest_path(tmp_path, 1).write_bytes(sign_manifest(forged, PUBLISHER))
    assert reader(tmp_path).sequences() == [2, 3]

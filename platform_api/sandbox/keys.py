"""Keys of the simulated world: two for the CA, and a small pool that all residents share.

An RSA-2048 key costs some 40 ms, so 2,000 cards with a key each would cost over a minute. Certificate n
uses key n modulo the pool's size, so some people share a key. Nobody signs anything real with them:
whoever has the folder has the keys.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from platform_api.sandbox.durable import write_whole
from platform_api.sandbox.refusals import FolderDamaged

KEY_SIZE: Final = 2048
GENERATIONS: Final = 2
POOL_SIZE: Final = 12
_END: Final = b"-----END PRIVATE KEY-----\n"


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """``authority[g - 1]`` signs for generation g; ``pool`` is what the cards hold."""

    authority: Sequence[rsa.RSAPrivateKey]
    pool: Sequence[rsa.RSAPrivateKey]

    def of_card(self, serial: int) -> rsa.RSAPrivateKey:
        return self.pool[serial % len(self.pool)]


def make_keys() -> Keys:
    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        made = list(workers.map(_make_key, range(GENERATIONS + POOL_SIZE)))
    return Keys(made[:GENERATIONS], made[GENERATIONS:])


def _make_key(_: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)


def store_keys(path: Path, keys: Keys) -> None:
    """One file, the authority's keys first, readable by its owner only."""
    pem = b"".join(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for key in (*keys.authority, *keys.pool)
    )
    write_whole(path, pem, mode=0o600)


def hash_of_keys(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_keys(path: Path, sha256: str) -> Keys:
    """The keys of this very file, known by its hash: checking RSA keys anew costs over half a second."""
    whole = path.read_bytes()
    if hashlib.sha256(whole).hexdigest() != sha256:
        raise FolderDamaged(
            f"{path.name}: expected the keys that this sandbox was founded with, got others; "
            "restore it from a copy or use a new folder"
        )
    loaded = []
    for block in whole.split(_END)[:-1]:
        key = load_pem_private_key(block + _END, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise FolderDamaged(
                f"{path.name}: expected RSA keys only; restore it from a copy or use a new folder"
            )
        loaded.append(key)
    if len(loaded) <= GENERATIONS:
        raise FolderDamaged(
            f"{path.name}: expected {GENERATIONS} CA keys and a pool, got {len(loaded)} keys; "
            "restore it from a copy or use a new folder"
        )
    return Keys(loaded[:GENERATIONS], loaded[GENERATIONS:])

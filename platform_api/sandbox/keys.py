"""Keys of the simulated world: one for each generation of each CA, and two small pools for all residents.

An RSA-2048 key costs some 40 ms, so 2,000 cards with a key each would cost over a minute. Certificate n
uses key n modulo the pool's size, so some people share a key. Nobody signs anything real with them:
whoever has the folder has the keys.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from platform_api.sandbox.durable import write_whole
from platform_api.sandbox.refusals import FolderDamaged

KEY_SIZE: Final = 2048
POOL_SIZE: Final = 10
_END: Final = b"-----END PRIVATE KEY-----\n"
_NAME: Final = b"# "

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Algorithm(StrEnum):
    """RSA-2048 with SHA-256 today, ECDSA P-384 with SHA-384 on the next card (jpki.md section 1.6)."""

    RSA = "rsa"
    P384 = "p384"


#: What a signature by a key of either kind is called on the wire.
SIGNATURE_ALGORITHMS: Final[Mapping[Algorithm, str]] = {
    Algorithm.RSA: "RSASSA-PKCS1-v1_5-SHA256",
    Algorithm.P384: "ECDSA-SHA384",
}


def algorithm_of(key: PrivateKey) -> Algorithm:
    return Algorithm.RSA if isinstance(key, rsa.RSAPrivateKey) else Algorithm.P384


def sign(key: PrivateKey, data: bytes) -> bytes:
    """The same octets give the same signature, always: PKCS #1 v1.5, or ECDSA as in RFC 6979."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA256())
    return key.sign(data, ec.ECDSA(SHA384(), deterministic_signing=True))


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """``authority[ca_id][g - 1]`` signs for generation g; ``pools`` are what cards and phones hold."""

    authority: Mapping[str, Sequence[PrivateKey]]
    pools: Mapping[Algorithm, Sequence[PrivateKey]]

    def of_holder(self, algorithm: Algorithm, serial: int) -> PrivateKey:
        pool = self.pools[algorithm]
        return pool[serial % len(pool)]


def make_key(algorithm: Algorithm) -> PrivateKey:
    if algorithm is Algorithm.P384:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)


def make_keys(generations: Mapping[str, Sequence[Algorithm]]) -> Keys:
    """Fresh keys: for each CA the algorithms of its generations, the oldest first."""
    wanted = [(ca_id, algorithm) for ca_id, found in generations.items() for algorithm in found]
    pools = [algorithm for algorithm in Algorithm for _ in range(POOL_SIZE)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        made = list(workers.map(make_key, [*(algorithm for _, algorithm in wanted), *pools]))
    authority: dict[str, list[PrivateKey]] = {ca_id: [] for ca_id in generations}
    for (ca_id, _), key in zip(wanted, made, strict=False):
        authority[ca_id].append(key)
    return Keys(authority, _pools(made[len(wanted) :]))


def _pools(keys: Iterable[PrivateKey]) -> dict[Algorithm, list[PrivateKey]]:
    pools: dict[Algorithm, list[PrivateKey]] = {algorithm: [] for algorithm in Algorithm}
    for key in keys:
        pools[algorithm_of(key)].append(key)
    return pools


def store_keys(path: Path, keys: Keys) -> None:
    """One file, each key below its owner's name, readable by the file's owner only."""
    named = [(ca_id, key) for ca_id, found in keys.authority.items() for key in found]
    named += [("holders", key) for pool in keys.pools.values() for key in pool]
    write_whole(path, b"".join(_pem(name, key) for name, key in named), mode=0o600)


def _pem(name: str, key: PrivateKey) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _NAME + name.encode("ascii") + b"\n" + pem


def hash_of_keys(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_keys(path: Path, sha256: str, ca_ids: Sequence[str]) -> Keys:
    """The keys of this very file, known by its hash: checking RSA keys anew costs over half a second."""
    authority: dict[str, list[PrivateKey]] = {ca_id: [] for ca_id in ca_ids}
    holders: list[PrivateKey] = []
    for name, key in _named_keys(path, sha256):
        authority.get(name, holders).append(key)
    pools = _pools(holders)
    if not all(authority.values()) or not all(pools.values()):
        raise FolderDamaged(
            f"{path.name}: expected a key for each CA and both pools, got fewer; "
            "restore it from a copy or use a new folder"
        )
    return Keys(authority, pools)


def store_key(path: Path, key: PrivateKey, ca_id: str) -> str:
    """One more key of a CA in a file of its own; the file's hash, by which ``load_key`` finds it right."""
    pem = _pem(ca_id, key)
    write_whole(path, pem, mode=0o600)
    return hashlib.sha256(pem).hexdigest()


def load_key(path: Path, sha256: str) -> PrivateKey:
    return _named_keys(path, sha256)[0][1]


def _named_keys(path: Path, sha256: str) -> list[tuple[str, PrivateKey]]:
    whole = path.read_bytes()
    if hashlib.sha256(whole).hexdigest() != sha256:
        raise FolderDamaged(
            f"{path.name}: expected the keys that this sandbox was founded with, got others; "
            "restore it from a copy or use a new folder"
        )
    found: list[tuple[str, PrivateKey]] = []
    for block in whole.split(_END)[:-1]:
        name, _, pem = block.partition(b"\n")
        key = load_pem_private_key(pem + _END, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise FolderDamaged(
                f"{path.name}: expected RSA and P-384 keys only; restore it from a copy or use a new folder"
            )
        found.append((name.removeprefix(_NAME).decode("ascii"), key))
    return found

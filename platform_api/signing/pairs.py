"""``keys/responders/``: more pairs beside the first, ``NAME.crt`` with ``NAME.pem`` or ``NAME.pkcs11``.

Institutions pin certificates, so a new one is made, and given to them, before it signs: several stand side by
side, and each signs in its time (``revocation/ocsp/signing.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from platform_api.faults import SetupRefused
from platform_api.key_files import read_secret
from platform_api.signing.token_keys import AWAY, SUFFIX, TokenKey, token_key
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.ocsp.responder_certificates import check_local
from revocation.ocsp.signing import Pair, ResponderIdentity
from revocation.ocsp.signing_keys import FileKey

#: Below the folder of keys.
FOLDER: Final = "responders"
#: A name stands in logs, so it is short and says nothing else.
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_MOST_OCTETS: Final = 64 * 1024
#: Seconds after which what failed outside is tried again.
AGAIN_S: Final = 30.0

#: Of certificate and key, each: inode, octets, change of content, change of mode; None: not there.
Facts: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a look found, by name."""

    taken: Mapping[str, Pair]
    refused: Mapping[str, RevocationError]

    @property
    def certificates(self) -> frozenset[bytes]:
        """DER: the same certificates, the same keys."""
        return frozenset(pair[0].public_bytes(Encoding.DER) for pair in self.taken.values())


class PairFolder:
    """Reads each pair once, and again when its files change. One thread looks."""

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder: Final = folder
        self._monotonic: Final = monotonic
        self._again_at = float("-inf")
        self._looked = False
        self._seen: dict[str, Facts] = {}
        #: As the files were when they were read, and why they were not taken.
        self._read: dict[str, tuple[Facts, RevocationError | None]] = {}
        self._taken: dict[str, Pair] = {}

    def look(self) -> Pairs:
        """Blocking; ``OSError`` where the folder itself cannot be read.

        From the second look on a changed pair is read when it looks the same at two looks, so that nobody is
        refused for files that he is just copying. Where a change is refused, what was read under that name
        before goes on.
        """
        now = {name: self._facts(name) for name in pair_names(self._folder)}
        again = self._monotonic() >= self._again_at
        if again:
            self._again_at = self._monotonic() + AGAIN_S
        for name, facts in now.items():
            settled = not self._looked or self._seen.get(name) == facts
            if settled and self._is_due(name, facts, again=again):
                self._take(name, facts)
        for gone in self._read.keys() - now.keys():
            del self._read[gone]
            self._taken.pop(gone, None)
        self._seen, self._looked = now, True
        refused = {name: error for name, (_, error) in self._read.items() if error is not None}
        return Pairs(dict(self._taken), refused)

    def _is_due(self, name: str, facts: Facts, *, again: bool) -> bool:
        read = self._read.get(name)
        # A token that did not answer, a disk that failed: the same files may be right later. Not at each
        # look: asking for a token that is away costs those that are there their sessions (``Token``).
        return read is None or read[0] != facts or (again and isinstance(read[1], OutsideFailed))

    def _take(self, name: str, facts: Facts) -> None:
        try:
            pair = read_pair(self._folder, name)
            if isinstance(pair[1], TokenKey):
                self._prove(pair[1])
        except RevocationError as error:
            self._read[name] = (facts, _without_traces(error))
        else:
            self._read[name] = (facts, None)
            self._taken[name] = pair

    def _prove(self, key: TokenKey) -> None:
        try:
            key.prove()
        except OutsideFailed as failure:
            # At start a token that is away is no reason to let an older key sign: tryLater until it is back.
            if self._looked or failure.code not in AWAY:
                raise

    def _facts(self, name: str) -> Facts:
        return tuple(_facts_of(self._folder / f"{name}{suffix}") for suffix in (".crt", ".pem", SUFFIX))


def pair_names(folder: Path) -> list[str]:
    """By the certificates; a key alone is not in use."""
    try:
        found = sorted(path.stem for path in folder.iterdir() if path.suffix == ".crt")
    except FileNotFoundError:
        return []
    return [name for name in found if not name.startswith(".")]


def read_pair(folder: Path, name: str) -> Pair:
    """Blocking, without a word to a token. ``InputRefused`` by the first rule broken."""
    if NAME.fullmatch(name) is None:
        raise _refused(
            "a name of small letters, digits and hyphens, 32 at most", "another", "rename its files"
        )
    certificate = read_certificate(folder / f"{name}.crt")
    pem, on_token = folder / f"{name}.pem", folder / f"{name}{SUFFIX}"
    if pem.exists() == on_token.exists():
        got = "both" if pem.exists() else "neither"
        raise _refused(f"{pem.name} or {on_token.name} beside {name}.crt", got, "give exactly one of them")
    key = FileKey.from_pem(read_secret(pem)) if pem.exists() else token_key(on_token, certificate)
    identity = ResponderIdentity(certificate, key)
    check_local(identity.certificate)
    return certificate, key


def read_certificate(path: Path) -> x509.Certificate:
    try:
        with path.open("rb") as file:
            octets = file.read(_MOST_OCTETS)
    except OSError as error:
        raise OutsideFailed(
            "FILE_UNREADABLE",
            expected=f"a file that can be read as {path.name}",
            got=error.strerror or type(error).__name__,
            remedy="check its permissions",
        ) from None
    try:
        return x509.load_pem_x509_certificate(octets)
    except ValueError:
        raise _refused(
            f"a certificate in PEM in {path.name}", "something else", "openssl x509 must read it"
        ) from None


def _refused(expected: str, got: str, remedy: str) -> InputRefused:
    return SetupRefused("RESPONDER_PAIR_REFUSED", expected=expected, got=got, remedy=remedy)


def _without_traces(error: RevocationError) -> RevocationError:
    """It is kept for long: not with what was being done, keys and a token's searches among it."""
    found: BaseException | None = error
    while found is not None:
        found.__traceback__ = None
        found = found.__cause__ or found.__context__
    return error


def _facts_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

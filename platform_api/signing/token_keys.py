"""``NAME.pkcs11``: which key of which PKCS #11 token signs, in a few lines of TOML.

    module = "/usr/lib/softhsm/libsofthsm2.so"
    token = "responder"             # the token's label
    key = "ocsp-2027"               # the key's label; or id = "01" in hexadecimal; or both
    pin_file = "/etc/jpki/pin"      # one line, mode 0600

A login is the process's, so there is one ``Token`` for each token of a process, made when it is first asked
for: a worker makes its own, after it was started.
"""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path
from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revocation.errors import InputRefused, OutsideFailed
from revocation.ocsp.pkcs11 import Pkcs11Key
from revocation.ocsp.pkcs11_token import Token
from revocation.ocsp.signing_keys import ResponderPublicKey, algorithm_of

SUFFIX: Final = ".pkcs11"
_MOST_OCTETS: Final = 16 * 1024
#: The token is away now and may be back in a moment; anything else is wrong until somebody mends it.
AWAY: Final = frozenset({"TOKEN_GONE", "TOKEN_RESTING", "TOKEN_BUSY"})

_Text = Annotated[str, Field(min_length=1, max_length=255)]
#: Whole paths: workers read copies of such a file, which lie elsewhere.
_Path = Annotated[str, Field(pattern=r"^/[^\x00]{1,1023}$")]


class TokenFile(BaseModel):
    """What such a file says."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    module: _Path
    token: Annotated[str, Field(min_length=1, max_length=32)]
    pin_file: _Path
    key: _Text | None = None
    id: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}){1,64}$")] | None = None

    @property
    def key_id(self) -> bytes | None:
        return None if self.id is None else bytes.fromhex(self.id)


def read_token_file(path: Path) -> TokenFile:
    """Blocking. The module is code that runs here, so nobody else may write the file."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise OutsideFailed(
            "FILE_UNREADABLE",
            expected=f"a file that can be read as {path.name}",
            got=error.strerror or type(error).__name__,
            remedy="check the path and its permissions",
        ) from None
    if mode & 0o022:
        raise _refused(path, "one that only its owner may write", f"mode {mode:04o}", "chmod 600")
    try:
        if len(octets) > _MOST_OCTETS:
            raise ValueError
        found = TokenFile.model_validate(tomllib.loads(octets.decode("utf-8")))
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, one["loc"])) for one in error.errors()}))
        raise _refused(
            path, _EXPECTED, f"another content, by {fields[:100]}", "jpki responder-key --help"
        ) from None
    except ValueError:
        raise _refused(path, _EXPECTED, "another content", "jpki responder-key --help") from None
    if found.key is None and found.id is None:
        raise _refused(path, "the key's label or id", "neither", "name the key as the token lists it")
    return found


_EXPECTED: Final = "TOML with module, token, pin_file, and key or id"


class TokenKey:
    """A ``SigningKey`` on a token that need not be there yet: until it is, nothing is signed.

    That its key is the certificate's is seen by a signature, once, before the first answer.
    """

    __slots__ = ("_proven", "_public", "_said", "algorithm", "slow")

    def __init__(self, said: TokenFile, public_key: ResponderPublicKey) -> None:
        """``InputRefused`` for a key of no use here."""
        self.algorithm: Final = algorithm_of(public_key)
        self.slow: Final = True
        self._public: Final = public_key
        self._said: Final = said
        self._proven: Pkcs11Key | None = None

    def __repr__(self) -> str:
        return f"TokenKey({self._said.token!r}, {self._said.key!r})"

    def public_key(self) -> ResponderPublicKey:
        return self._public

    def prove(self) -> None:
        """Blocking: a login and a signature, where there was none. ``InputRefused`` for another's key,
        ``OutsideFailed`` (one of ``AWAY``, or what must be mended) for a token that does not sign."""
        if self._proven is None:
            said = self._said
            self._proven = Pkcs11Key(token_of(said), self._public, label=said.key, key_id=said.key_id)

    def sign(self, data: bytes) -> bytes:
        try:
            self.prove()
        except InputRefused as refused:
            raise OutsideFailed(
                refused.code, expected=refused.expected, got=refused.got, remedy=refused.remedy
            ) from None
        proven = self._proven
        assert proven is not None  # noqa: S101 - it was proven a line above
        return proven.sign(data)


_LOCK: Final = threading.Lock()
_TOKENS: Final[dict[tuple[str, str], tuple[str, Token]]] = {}
_KEYS: Final[dict[tuple[TokenFile, bytes], TokenKey]] = {}


def token_of(said: TokenFile) -> Token:
    """This process's own ``Token``; ``InputRefused`` where two files would log in with two PINs."""
    with _LOCK:
        held = _TOKENS.get((said.module, said.token))
        if held is None:
            held = (said.pin_file, Token(Path(said.module), said.token, Path(said.pin_file)))
            _TOKENS[said.module, said.token] = held
    if held[0] != said.pin_file:
        raise InputRefused(
            "TOKEN_PIN_FILES",
            expected="one PIN file for all keys of a token",
            got="another one than that of the first key",
            remedy="name the same pin_file in each; where it moved, restart",
        )
    return held[1]


def token_key(path: Path, certificate: x509.Certificate) -> TokenKey:
    """The key that the file names, for this certificate; the same object while both stay, so that a token is
    not asked again whenever something else changes. Blocking, without a word to the token."""
    said = read_token_file(path)
    try:
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        public_key = None  # of a kind that nobody reads
    if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise _refused(
            path, "a certificate for an RSA or ECDSA key beside it", "another kind", "make a new pair"
        )
    wanted = (said, public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with _LOCK:
        found = _KEYS.get(wanted)
        if found is None:
            found = _KEYS[wanted] = TokenKey(said, public_key)
    return found


def _refused(path: Path, expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused("TOKEN_FILE_REFUSED", expected=f"{expected} in {path.name}", got=got, remedy=remedy)

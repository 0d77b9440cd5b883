"""A responder's key inside a PKCS #11 token: it never leaves; each answer is signed there.

P-256, P-384 and RSA. The hash is made here: every token signs 32 octets by raw ECDSA, and few hash.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from revocation.errors import OutsideFailed
from revocation.ocsp.pkcs11_token import Token, failed
from revocation.ocsp.signing_keys import ResponderPublicKey, algorithm_of, refused_key

if TYPE_CHECKING:
    from pkcs11 import Session

#: Signed once at start, to see that the token's key is the certificate's; no answer looks like it.
_CHALLENGE: Final = b"jpki-status: is this the key of the responder's certificate?"


class Pkcs11Key:
    """A ``SigningKey`` by the label or id of a private key on a token."""

    __slots__ = ("_label", "_public", "_token", "_wanted_id", "algorithm", "slow")

    def __init__(
        self,
        token: Token,
        public_key: ResponderPublicKey,
        *,
        label: str | None = None,
        key_id: bytes | None = None,
    ) -> None:
        """``public_key``: of the responder's certificate; a signature shows that the token holds its private
        key. ``InputRefused`` where it does not, ``OutsideFailed`` where the token does not answer."""
        if not isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise refused_key("an RSA or ECDSA key for a token", "another kind")
        if label is None and key_id is None:
            raise refused_key("the label or the id of a key on the token", "neither")
        self.algorithm: Final = algorithm_of(public_key)
        #: The token's own time, and perhaps a network's: never on an event loop.
        self.slow: Final = True
        self._public: Final = public_key
        self._token: Final = token
        self._label: Final = label
        self._wanted_id: Final = key_id
        if not self._is_by_it(self.sign(_CHALLENGE)):
            raise refused_key("the private key of the responder's certificate on the token", "another key")

    def __repr__(self) -> str:
        return f"Pkcs11Key({self._token!r}, {self._label!r})"

    def public_key(self) -> ResponderPublicKey:
        return self._public

    def sign(self, data: bytes) -> bytes:
        """A session or a login that got lost is opened anew, once; then ``OutsideFailed``."""
        try:
            return self._signed(data)
        except OutsideFailed as failure:
            if failure.code != "TOKEN_GONE":
                raise
        try:
            return self._signed(data)
        except OutsideFailed as failure:
            if failure.code == "TOKEN_GONE":
                self._token.rest()
            raise

    def _signed(self, data: bytes) -> bytes:
        from pkcs11 import Mechanism

        with self._token.session() as (session, keys):
            key = keys.get(self) or self._found(session)
            keys[self] = key
            if isinstance(self._public, rsa.RSAPublicKey):
                return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
            digest = hashlib.new(_digest(self._public).name, data).digest()
            raw: bytes = key.sign(digest, mechanism=Mechanism.ECDSA)
        # PKCS #11 section 2.3.1: r and s of one length; RFC 5758 section 3.2 wants ECDSA-Sig-Value.
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def _found(self, session: Session) -> Any:
        from pkcs11 import MultipleObjectsReturned, NoSuchKey, ObjectClass

        try:
            return session.get_key(
                object_class=ObjectClass.PRIVATE_KEY, label=self._label, id=self._wanted_id
            )
        except NoSuchKey:
            raise _no_key("none") from None
        except MultipleObjectsReturned:
            raise _no_key("several") from None

    def _is_by_it(self, signature: bytes) -> bool:
        try:
            if isinstance(self._public, rsa.RSAPublicKey):
                self._public.verify(signature, _CHALLENGE, padding.PKCS1v15(), hashes.SHA256())
            else:
                self._public.verify(signature, _CHALLENGE, ec.ECDSA(_digest(self._public)))
        except InvalidSignature:
            return False
        return True


def _no_key(got: str) -> OutsideFailed:
    return failed(
        "TOKEN_KEY_MISSING",
        "exactly one private key of this label and id on the token",
        got,
        "give the label and the id as the token lists them",
    )


def _digest(key: ec.EllipticCurvePublicKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA256() if key.key_size <= 256 else hashes.SHA384()

"""JWE (RFC 7516), compact: what is queued can be opened by the institution alone.

Content encryption is always A256GCM; the key is agreed by ECDH-ES+A256KW with an EC or X25519 key, or wrapped
by RSA-OAEP-256. Each call makes a new content key and a new ephemeral key: nothing of ours opens it again.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from joserfc import jwe
from joserfc.errors import JoseError

from platform_api.deliveries import jwk
from platform_api.deliveries.model import DeliveryKey
from revocation.errors import InputRefused

ENCRYPTION: Final = "A256GCM"
#: So that nobody takes a delivery for another kind of token of ours (RFC 8725 section 3.11).
TYPE: Final = "jpki-delivery+jwe"
CONTENT_TYPE: Final = "json"


def encrypt(key: DeliveryKey, content: dict[str, Any]) -> bytes:
    """``content`` as canonical JSON (sorted, no spaces, UTF-8), encrypted to this key."""
    header = {
        "alg": key.algorithm,
        "enc": ENCRYPTION,
        "kid": key.kid,
        "typ": TYPE,
        "cty": CONTENT_TYPE,
    }
    plaintext = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    token = jwe.encrypt_compact(header, plaintext, jwk.read(key.jwk), algorithms=[key.algorithm, ENCRYPTION])
    return token.encode("ascii")


def check_usable(key: DeliveryKey) -> None:
    """Encrypt to it once: a key with which that fails (an X25519 point of low order) is refused at once."""
    try:
        encrypt(key, {})
    except (JoseError, ValueError):
        raise InputRefused(
            "DELIVERY_KEY_REFUSED",
            expected="a key to which can be encrypted",
            got="one with which it fails",
            remedy="generate a new key pair and send its public part",
        ) from None

"""Public keys of institutions: which are taken, that a kid never changes its key, and that no secret is."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_api.deliveries import jwk
from revocation.errors import InputRefused
from tests.base.postgres import TestInstitution
from tests.features.delivering import KINDS, pair, public, put_key
from tests.features.service import Service
from tests.features.world import everything

pytestmark = pytest.mark.timeout(60)
#: A loaded machine is slow, and that is no fault of the code.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_key_is_taken_once(
    service: Service, institution: TestInstitution, kind: str
) -> None:
    """Put, put again, listed, retired, put again: always the same key with the same dates."""
    made = await put_key(service, institution, pair(kind))
    assert made["algorithm"] == ("RSA-OAEP-256" if kind == "RSA" else "ECDH-ES+A256KW")
    assert {name: value for name, value in made["jwk"].items() if value} == public(pair(kind))
    assert await put_key(service, institution, pair(kind)) == made
    listed = await service.call(institution, "GET", "/v1/delivery-keys")
    assert listed == {"keys": [made]}
    retired = await service.call(institution, "POST", "/v1/delivery-keys/key-1:retire")
    assert retired["retired_at"] is not None
    assert await service.call(institution, "POST", "/v1/delivery-keys/key-1:retire") == retired
    assert await put_key(service, institution, pair(kind)) == retired


async def test_a_kid_never_changes_its_key(service: Service, institution: TestInstitution) -> None:
    """Another key under a kid that is taken is refused, also once that one is retired."""
    await put_key(service, institution)
    other = public(pair("X25519"))
    for _ in range(2):
        refused = await service.call(institution, "PUT", "/v1/delivery-keys/key-1", other, expect=409)
        assert refused["code"] == "DELIVERY_KEY_DIFFERS"
        await service.call(institution, "POST", "/v1/delivery-keys/key-1:retire")


async def test_keys_of_another_institution_are_not_there(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """The same kid at two institutions is two keys; nobody sees or retires another's."""
    await put_key(service, institution)
    assert await service.call(other_institution, "GET", "/v1/delivery-keys") == {"keys": []}
    await service.call(other_institution, "POST", "/v1/delivery-keys/key-1:retire", expect=404)
    theirs = await put_key(service, other_institution, pair("P-384"))
    listed = await service.call(institution, "GET", "/v1/delivery-keys")
    assert [key["jwk"]["crv"] for key in listed["keys"]] == ["P-256"]
    assert theirs["jwk"]["crv"] == "P-384"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_secret_is_refused_and_nothing_of_it_kept(
    service: Service, institution: TestInstitution, kind: str
) -> None:
    """A private JWK is refused by its own code, under an Idempotency-Key too; no table holds its secret."""
    members = pair(kind).as_dict(private=True)
    members = {name: members[name] for name in members if name in (*public(pair(kind)), "d", "p")}
    headers = {"Idempotency-Key": "once"}
    for more in ({}, {"garbage": 1}):
        refused = await service.call(
            institution, "PUT", "/v1/delivery-keys/key-1", members | more, expect=422, headers=headers
        )
        assert refused["code"] == "DELIVERY_KEY_PRIVATE"
    assert str(members["d"]) not in str(await everything(service.world.database))


def _weak_rsa(bits: int = 2048, exponent: int = 65537) -> dict[str, str]:
    numbers = rsa.generate_private_key(exponent, bits).public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def _number(value: int) -> str:
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"crv": "P-384"}, "DELIVERY_KEY_REFUSED"),
        ({"y": "A" * 43}, "DELIVERY_KEY_REFUSED"),
        ({"y": None}, "DELIVERY_KEY_REFUSED"),
        ({"kty": "RSA"}, "DELIVERY_KEY_REFUSED"),
        ({"crv": "P-521"}, "VALIDATION_FAILED"),
        ({"crv": "secp256k1"}, "VALIDATION_FAILED"),
        ({"kty": "oct"}, "VALIDATION_FAILED"),
        ({"use": "sig"}, "VALIDATION_FAILED"),
        ({"x": "é" * 43}, "VALIDATION_FAILED"),
        ({"x5u": "https://example.jp/"}, "VALIDATION_FAILED"),
        ({"alg": "RSA-OAEP-256"}, "DELIVERY_KEY_CONTRADICTS"),
        ({"kid": "another"}, "DELIVERY_KEY_CONTRADICTS"),
    ],
)
async def test_what_is_no_good_key_is_refused(
    service: Service, institution: TestInstitution, change: dict[str, Any], code: str
) -> None:
    """A point off its curve, a wrong curve, contradictions: refused, nothing stored, nothing repeated."""
    body = public(pair()) | change
    body = {name: value for name, value in body.items() if value is not None}
    refused = await service.call(institution, "PUT", "/v1/delivery-keys/key-1", body, expect=422)
    assert refused["code"] == code
    assert await service.call(institution, "GET", "/v1/delivery-keys") == {"keys": []}


def test_weak_keys_are_refused() -> None:
    """RSA below 2048 bits, exponent 3, an X25519 point of low order."""
    for members in (_weak_rsa(1024), _weak_rsa(2048, 3)):
        with pytest.raises(InputRefused):
            jwk.canonical(members)


async def test_a_point_of_low_order_is_refused(service: Service, institution: TestInstitution) -> None:
    """X25519's zero point would make a key that everybody knows."""
    body = {"kty": "OKP", "crv": "X25519", "x": "A" * 43}
    refused = await service.call(institution, "PUT", "/v1/delivery-keys/key-1", body, expect=422)
    assert refused["code"] == "DELIVERY_KEY_REFUSED"


def test_one_key_has_one_text() -> None:
    """However its numbers are written, the canonical form is the same, and is read back as the same key."""
    for kind in KINDS:
        members = public(pair(kind))
        text, _ = jwk.canonical(members)
        assert jwk.canonical(dict(reversed(members.items()))) == jwk.canonical(members)
        assert jwk.canonical(json.loads(text))[0] == text
        assert jwk.read(text).thumbprint() == pair(kind).thumbprint()
        if kind == "RSA":
            assert jwk.canonical(members | {"n": "AAAA" + members["n"]})[0] == text


_TEXTS = st.text(st.sampled_from("AZaz09-_=+/ é\x00"), max_size=90) | st.sampled_from(
    [value for kind in KINDS for value in public(pair(kind)).values()]
)


@UNTIMED
@given(
    st.fixed_dictionaries(
        {"kty": st.sampled_from(("EC", "OKP", "RSA", "oct", ""))},
        optional=dict.fromkeys(("crv", "x", "y", "n", "e"), _TEXTS),
    )
)
def test_any_members_are_a_key_or_refused(members: dict[str, str]) -> None:
    """Whatever is sent, the answer is a canonical key that can be read, or one refusal of ours."""
    try:
        text, algorithm = jwk.canonical(members)
    except InputRefused:
        return
    assert jwk.canonical(json.loads(text)) == (text, algorithm)


async def test_so_many_keys_and_no_more(service: Service, institution: TestInstitution) -> None:
    """Sixteen in use; a retired one makes room."""
    for number in range(16):
        await put_key(service, institution, pair("P-256", number), f"key-{number}")
    body = public(pair("P-256", 16))
    refused = await service.call(institution, "PUT", "/v1/delivery-keys/key-16", body, expect=409)
    assert refused["code"] == "DELIVERY_KEYS_TOO_MANY"
    await put_key(service, institution, pair("P-256", 3), "key-3")
    await service.call(institution, "POST", "/v1/delivery-keys/key-0:retire")
    await put_key(service, institution, pair("P-256", 16), "key-16")
    listed = await service.call(institution, "GET", "/v1/delivery-keys")
    assert [key["kid"] for key in listed["keys"]][-1] == "key-0"

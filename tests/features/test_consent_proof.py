"""Receipts and proofs of consents: verified offline by plain cryptography; not a word about anybody."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from platform_api.consents.receipts import ReceiptSigner
from platform_api.faults import SetupRefused
from platform_api.key_set import FILES, RECEIPT, open_keys
from platform_api.keys import RECEIPTS
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import ITEMS, make_card
from tests.features.consenting import consent, next_day, onboard, withdraw, withdrawal
from tests.features.gateways import FakeJlis
from tests.features.service import Service, serving
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


def octets(text: str) -> bytes:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(jws: str, keys: list[dict[str, str]], kind: str) -> dict[str, Any]:
    """How an institution, an auditor or a court verifies one of our JWS, with nothing of ours at hand."""
    header_part, payload_part, signature_part = jws.split(".")
    header = json.loads(octets(header_part))
    assert header["typ"] == kind
    assert header["alg"] == "Ed25519"
    (key,) = [key for key in keys if key["kid"] == header["kid"]]
    # RFC 7638: the kid is the key's own thumbprint, so it cannot be another's.
    canonical = json.dumps({"crv": key["crv"], "kty": key["kty"], "x": key["x"]}, separators=(",", ":"))
    assert octets(key["kid"]) == hashlib.sha256(canonical.encode()).digest()
    public = Ed25519PublicKey.from_public_bytes(octets(key["x"]))
    public.verify(octets(signature_part), f"{header_part}.{payload_part}".encode())
    claims: dict[str, Any] = json.loads(octets(payload_part))
    return claims


@pytest.mark.parametrize("kind", ["rsa", "p384"])
async def test_what_was_verified_at_receipt(
    service: Service, institution: TestInstitution, kind: str
) -> None:
    """The receipt says who agreed to what, by which application, and each check with its result."""
    card = make_card(sets.ca(), key=pki.key(kind, 5))
    signed: dict[str, Any] = {}
    registration_id = await onboard(service, institution, card)
    given = await consent(service, institution, card, registration_id, ["name", "address"], keep=signed)
    proof = await service.call(institution, "GET", f"/v1/consents/{given['consent_id']}/proof")
    keys = (await service.call(None, "GET", "/v1/receipt-keys"))["keys"]
    claims = verified(proof["receipt"], keys, "jpki-consent-receipt")
    application = base64.b64decode(signed["application"])
    number = application.decode().partition("<申請番号>")[2][:36]
    known = service.world.known(card)
    now = service.world.clock.now().isoformat().replace("+00:00", "Z")
    assert claims == {
        "consent_id": given["consent_id"],
        "institution_id": str(institution.institution_id),
        "service_id": str(institution.service_id),
        "service_code": institution.service_code,
        "items": ["name", "address"],
        "text_version": "2026-05",
        "application_number": number,
        "application_sha256": hashlib.sha256(application).hexdigest(),
        "received_at": now,
        "verified_at": now,
        "certificate": {
            "ca_id": known.identity.ca_id,
            "issuer_key": known.identity.issuer_key.hex(),
            "kind": "card-sign",
        },
        "checks": {
            "application": "OCTETS_AS_ISSUED",
            "signature": "VALID",
            "signature_algorithm": signed["signature_algorithm"],
            "issuer": "CONFIGURED_CA",
            "holder": "REGISTERED_CERTIFICATE",
            "validity": "WITHIN_DATES",
            "status": "GOOD",
            "set_seq": 1,
        },
    }


async def test_the_proof_tells_the_whole_life(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Signed as of now: bound to the receipt, every state with its author, and what J-LIS said when."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    await next_day(service)
    await withdraw(service, institution, consent_id, await withdrawal(service, institution, consent_id, card))
    found = await service.call(institution, "GET", f"/v1/consents/{consent_id}/proof")
    keys = (await service.call(None, "GET", "/v1/receipt-keys"))["keys"]
    claims = verified(found["proof"], keys, "jpki-consent-proof")
    assert claims["as_of"] == service.world.clock.now().isoformat().replace("+00:00", "Z")
    assert claims["state"] == "WITHDRAWN"
    assert claims["receipt_sha256"] == hashlib.sha256(found["receipt"].encode()).hexdigest()
    assert [(row["state"], row["who"]) for row in claims["history"]] == [
        ("RECEIVED", "holder"),
        ("SENT", "institution"),
        ("REFLECTED", "jlis"),
        ("EFFECTIVE", "clock"),
        ("WITHDRAWN", "holder"),
    ]
    assert claims["valid_until"] == "2036-11-20T14:59:59Z"
    assert claims["reflected_at"] == claims["received_at"]
    assert claims["withdrawal"]["forwarding"] == "FORWARDED"
    assert claims["withdrawal"]["jlis_reflected_at"] == claims["as_of"]


async def test_nothing_of_the_holder_is_in_them(service: Service, institution: TestInstitution) -> None:
    """No serial number, no date of the certificate, no item, no subject: in no encoding that JWS uses."""
    card = make_card(sets.ca(), serial=0x5A17C0DE55)
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    found = await service.call(institution, "GET", f"/v1/consents/{consent_id}/proof")
    ends = card.certificate.not_valid_after_utc
    planted = [
        *(ITEMS[digit] for digit in "145"),
        "5a17c0de55",
        str(card.serial),
        "TESTCARD",
        f"{ends:%Y-%m-%d}",
        registration_id,
    ]
    for jws in (found["receipt"], found["proof"]):
        payload = octets(jws.split(".")[1]).decode().lower()
        assert consent_id in payload  # the search finds what is there
        for text in planted:
            assert text.lower() not in payload
    assert "ReceiptSigner(" in repr(ReceiptSigner(Ed25519PrivateKey.generate()))


async def test_a_changed_proof_is_refused(service: Service, institution: TestInstitution) -> None:
    """Another state under the same signature; and neither kind passes for the other."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    found = await service.call(institution, "GET", f"/v1/consents/{consent_id}/proof")
    keys = (await service.call(None, "GET", "/v1/receipt-keys"))["keys"]
    changed = found["proof"].replace(".", "..", 1).split("..")
    payload = octets(changed[1].partition(".")[0]).replace(b'"REFLECTED"', b'"EFFECTIVE"', 1)
    forged = ".".join(
        (
            changed[0],
            base64.urlsafe_b64encode(payload).decode().rstrip("="),
            changed[1].partition(".")[2],
        )
    )
    with pytest.raises(InvalidSignature):
        verified(forged, keys, "jpki-consent-proof")
    with pytest.raises(AssertionError):
        verified(found["proof"], keys, "jpki-consent-receipt")


async def test_old_receipts_outlive_their_key(service: Service, institution: TestInstitution) -> None:
    """receipt.pem was lost and made anew: new receipts have a new kid, and old ones still verify."""
    cards = [make_card(sets.ca()) for _ in range(2)]
    registration_id = await onboard(service, institution, cards[0])
    old_id = (await consent(service, institution, cards[0], registration_id))["consent_id"]
    fresh = ReceiptSigner(Ed25519PrivateKey.generate())
    async with serving(service.world, FakeJlis(service.world.clock), state={RECEIPTS: fresh}) as later:
        second = await onboard(later, institution, cards[1], "b")
        new_id = (await consent(later, institution, cards[1], second))["consent_id"]
        keys = (await later.call(None, "GET", "/v1/receipt-keys"))["keys"]
        assert len(keys) == 2
        for consent_id in (old_id, new_id):
            found = await later.call(institution, "GET", f"/v1/consents/{consent_id}/proof")
            assert verified(found["receipt"], keys, "jpki-consent-receipt")["consent_id"] == consent_id
            assert verified(found["proof"], keys, "jpki-consent-proof")["consent_id"] == consent_id


async def test_the_key_is_published_before_it_signs(service: Service) -> None:
    """A JWK set (RFC 7517) for everybody, without a private member, before the first receipt too."""
    keys = (await service.call(None, "GET", "/v1/receipt-keys"))["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "kid", "alg", "use"}]


def test_a_folder_from_before_gets_the_key(tmp_path: Path) -> None:
    """Keys of a release that knew no receipts: nothing is refused, one file is added, it stays the same."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    folder = tmp_path / "keys"
    first = open_keys(folder, now=now)
    (folder / RECEIPT).unlink()
    kept = {name: (folder / name).read_bytes() for name in FILES}
    made = open_keys(folder, now=now)
    assert {name: (folder / name).read_bytes() for name in FILES} == kept
    assert stat.S_IMODE((folder / RECEIPT).stat().st_mode) == 0o600
    assert ReceiptSigner(made.receipt).kid != ReceiptSigner(first.receipt).kid
    assert ReceiptSigner(open_keys(folder, now=now).receipt).kid == ReceiptSigner(made.receipt).kid


def test_a_receipt_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """What stands there is never written over."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    folder = tmp_path / "keys"
    open_keys(folder, now=now)
    (folder / RECEIPT).write_bytes((folder / "responder.pem").read_bytes())
    with pytest.raises(SetupRefused, match="KEY_FILE_BROKEN"):
        open_keys(folder, now=now)

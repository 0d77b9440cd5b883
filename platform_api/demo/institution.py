"""An institution of the demo: everything it does goes through the public API with its own key.

It sees a certificate once, at on-boarding, and keeps only its own references. (The *driver* of the
demo remembers beside it which certificate that was, for the comparison; the institution does not.)
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import aiohttp
from joserfc import jwe
from joserfc.jwk import ECKey

from revocation.errors import OutsideFailed

TIMEOUT = aiohttp.ClientTimeout(total=60)


class Institution:
    """One institution with one service, one API key, one read position in its feed."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, record: dict[str, Any]) -> None:
        self._session = session
        self._base = base_url
        self._headers = {"Authorization": f"Bearer {record['api_key']}", "Accept-Language": "en"}
        self.name: str = record["name"]
        self.institution_id: str = record["institution_id"]
        self.service_id: str = record["service_id"]
        #: The first is the one of ``service_id``: id and code of each.
        self.services: list[dict[str, str]] = record.get("services", [])
        self._delivery_key: dict[str, Any] | None = record.get("delivery_key")
        self.after: int = record.get("after", 0)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self._session.request(
            method, self._base + path, json=body, headers=self._headers, timeout=TIMEOUT
        ) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            if response.status >= 400:
                raise OutsideFailed(
                    "API_REFUSED",
                    expected=f"success of {method} {path.split('?', maxsplit=1)[0].rsplit('/', 1)[-1]}",
                    got=f"{response.status} {answer.get('code')}",
                    remedy=f"look up request {answer.get('request_id')} in serve.log",
                )
            return answer

    async def onboard(
        self,
        *,
        challenge: bytes,
        signed: dict[str, str],
        registration_ref: str,
        customer_ref: str,
        service: int = 0,
        linkage_agreed: bool = False,
    ) -> dict[str, Any]:
        """The customer signed our challenge with the card: verify it and start watching the certificate."""
        digest = "sha384" if signed["signature_algorithm"].endswith("SHA384") else "sha256"
        register: dict[str, Any] = {
            "service_id": self.service_of(service),
            "registration_ref": registration_ref,
            "customer_ref": customer_ref,
        }
        if linkage_agreed:
            register["linkage_agreed"] = True
        return await self._call(
            "POST",
            "/v1/signatures:verify",
            {
                "digest_algorithm": digest,
                "digest": base64.b64encode(hashlib.new(digest, challenge).digest()).decode(),
                "signature": signed["signature"],
                "certificate": signed["certificate"],
                "purpose": "signature_verification",
                "register": register,
            },
        )

    def service_of(self, number: int) -> str:
        return self.services[number]["service_id"] if self.services else self.service_id

    async def consent_application(self, registration_id: str, items: list[str], service: int = 0) -> bytes:
        answer = await self._call(
            "POST",
            "/v1/consent-applications",
            {"service_id": self.service_of(service), "registration_id": registration_id, "items": items},
        )
        return base64.b64decode(answer["application"])

    async def send_consent(
        self, registration_id: str, application: bytes, signed: dict[str, str]
    ) -> dict[str, Any]:
        return await self._call(
            "POST", "/v1/consents", {"registration_id": registration_id, **_signed(application, signed)}
        )

    async def withdrawal_application(self, consent_id: str) -> bytes:
        answer = await self._call("POST", f"/v1/consents/{consent_id}/withdrawal-applications", {})
        return base64.b64decode(answer["application"])

    async def send_withdrawal(
        self, consent_id: str, application: bytes, signed: dict[str, str]
    ) -> dict[str, Any]:
        return await self._call("POST", f"/v1/consents/{consent_id}:withdraw", _signed(application, signed))

    async def check(self, registration_id: str) -> dict[str, Any]:
        return await self._call(
            "POST",
            "/v1/certificates:check",
            {"purpose": "current_status_check", "registration_id": registration_id},
        )

    async def events_until(self, set_seq: int, *, patience_s: float = 60.0) -> list[dict[str, Any]]:
        """Read on from our position until the day of that set is announced complete."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(patience_s):
            while True:
                page = await self._call("GET", f"/v1/events?after={self.after}&wait=5&page_size=1000")
                found += page["events"]
                self.after = page["next_after"]
                if any(e["type"] == "day.completed" and e["set_seq"] >= set_seq for e in page["events"]):
                    return found

    async def fetch(self, registration_id: str, items: list[str]) -> dict[str, Any]:
        return await self._call(
            "POST", f"/v1/registrations/{registration_id}/four-information:fetch", {"items": items}
        )

    async def acknowledge(self, registration_id: str) -> dict[str, Any]:
        return await self._call(
            "POST", f"/v1/registrations/{registration_id}/four-information:acknowledge", {}
        )

    async def registration(self, registration_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/v1/registrations/{registration_id}")

    async def put_delivery_key(self, kid: str) -> None:
        """The public half only; sending the same one again changes nothing."""
        key = ECKey.import_key(self._own_key())
        await self._call("PUT", f"/v1/delivery-keys/{kid}", key.as_dict(private=False))

    async def put_refresh_policy(self, policy: dict[str, Any]) -> None:
        await self._call("PUT", f"/v1/services/{self.service_id}/refresh-policy", policy)

    async def deliveries(self) -> list[dict[str, Any]]:
        """Everything that waits for us."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = await self._call("GET", f"/v1/deliveries?page_size=100{token}")
            found += page["deliveries"]
            if page["next_page_token"] is None:
                return found
            token = f"&page_token={page['next_page_token']}"

    async def take(self, delivery_id: str) -> dict[str, Any]:
        """One delivery, decrypted with our own key."""
        taken = await self._call("GET", f"/v1/deliveries/{delivery_id}")
        key = ECKey.import_key(self._own_key())
        opened = jwe.decrypt_compact(taken["jwe"], key, algorithms=["ECDH-ES+A256KW", "A256GCM"])
        content = json.loads(opened.plaintext or b"")
        if content["delivery_id"] != delivery_id:
            raise OutsideFailed(
                "DELIVERY_MISTAKEN",
                expected="the delivery that was asked for, inside its encryption too",
                got="another one",
                remedy="report this as a bug",
            )
        payload: dict[str, Any] = content["payload"]
        return payload

    async def acknowledge_delivery(self, delivery_id: str) -> None:
        await self._call("POST", f"/v1/deliveries/{delivery_id}:acknowledge")

    async def queries(self, registration_id: str) -> list[dict[str, Any]]:
        """What was asked about a customer, and how it ended; the oldest first."""
        page = await self._call("GET", f"/v1/registrations/{registration_id}/four-information-queries")
        found: list[dict[str, Any]] = page["queries"]
        return sorted(found, key=lambda query: str(query["asked_at"]))

    def _own_key(self) -> dict[str, Any]:
        if self._delivery_key is None:
            raise AssertionError("expected the institution's own key in its record, got none")
        return self._delivery_key


def _signed(application: bytes, signed: dict[str, str]) -> dict[str, str]:
    return {
        "application": base64.b64encode(application).decode(),
        "signature": signed["signature"],
        "signature_algorithm": signed["signature_algorithm"],
        "certificate": signed["certificate"],
    }

"""An institution of the demo: everything it does goes through the public API with its own key.

It sees a certificate once, at on-boarding, and keeps only its own references. (The *driver* of the
demo remembers beside it which certificate that was, for the comparison; the institution does not.)
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import aiohttp

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
        self, *, challenge: bytes, signed: dict[str, str], registration_ref: str, customer_ref: str
    ) -> dict[str, Any]:
        """The customer signed our challenge with the card: verify it and start watching the certificate."""
        # P-384 keys sign with SHA-384 (phones; the next card), the others with SHA-256.
        digest_algorithm = "sha384" if signed["signature_algorithm"] == "ECDSA-SHA384" else "sha256"
        return await self._call(
            "POST",
            "/v1/signatures:verify",
            {
                "digest_algorithm": digest_algorithm,
                "digest": base64.b64encode(hashlib.new(digest_algorithm, challenge).digest()).decode(),
                "signature": signed["signature"],
                "certificate": signed["certificate"],
                "purpose": "signature_verification",
                "register": {
                    "service_id": self.service_id,
                    "registration_ref": registration_ref,
                    "customer_ref": customer_ref,
                },
            },
        )

    async def consent_application(self, registration_id: str, items: list[str]) -> bytes:
        answer = await self._call(
            "POST",
            "/v1/consent-applications",
            {"service_id": self.service_id, "registration_id": registration_id, "items": items},
        )
        return base64.b64decode(answer["application"])

    async def send_consent(
        self, registration_id: str, application: bytes, signed: dict[str, str]
    ) -> dict[str, Any]:
        return await self._call(
            "POST",
            "/v1/consents",
            {
                "registration_id": registration_id,
                "application": base64.b64encode(application).decode(),
                "signature": signed["signature"],
                "signature_algorithm": signed["signature_algorithm"],
                "certificate": signed["certificate"],
            },
        )

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

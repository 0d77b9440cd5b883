"""The demo's hand on the sandbox: time, cards, and the life log. The service never uses these calls."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import aiohttp

from revocation.errors import OutsideFailed

TIMEOUT = aiohttp.ClientTimeout(total=120)


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class SandboxClient:
    """``/sandbox/v1`` of one sandbox."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self.base_url = base_url

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self._session.request(
            method, f"{self.base_url}/sandbox/v1{path}", json=body, timeout=TIMEOUT
        ) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            if response.status >= 400:
                raise OutsideFailed(
                    "SANDBOX_REFUSED",
                    expected=f"success of {method} {path.split('?', maxsplit=1)[0].rsplit('/', 1)[-1]}",
                    got=f"{response.status} {answer.get('code')}",
                    remedy="see sandbox.log in the demo's folder",
                )
            return answer

    async def play(self, this_update: datetime) -> dict[str, Any]:
        """Live up to this moment and publish the day's lists (the same moment again changes nothing)."""
        return await self._call("POST", "/days:play", {"this_update": rfc3339(this_update)})

    async def play_by_itself(self) -> dict[str, Any]:
        """From now on a list every real 24 hours, so that nothing served ever expires."""
        return await self._call("POST", "/days:auto", {"enabled": True})

    async def now(self) -> datetime:
        answer = await self._call("GET", "/clock")
        return datetime.fromisoformat(answer["now"].replace("Z", "+00:00"))

    async def residents(self, wanted: int) -> list[dict[str, Any]]:
        """The first so many residents, as the sandbox lists them, with the certificate on the card."""
        found: list[dict[str, Any]] = []
        after = ""
        while len(found) < wanted:
            page = await self._call("GET", f"/residents?limit=500&after={after}")
            found += page["residents"]
            if not page["next"]:
                break
            after = page["next"]
        return found[:wanted]

    async def sign(self, resident_id: str, data: bytes) -> dict[str, str]:
        """Card and PIN, simulated: a signature over the data with the person's signing key."""
        return await self._call(
            "POST", f"/residents/{resident_id}/card:sign", {"data": base64.b64encode(data).decode()}
        )

    async def life_log(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        after = 0
        while True:
            page = await self._call("GET", f"/life-log?after={after}")
            if not page["entries"]:
                return entries
            entries += page["entries"]
            after = page["next"]

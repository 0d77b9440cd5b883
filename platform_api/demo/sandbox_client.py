"""The demo's hand on the sandbox: time, cards, and the life log. The service never uses these calls."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from platform_api.demo.lifelog import moment
from revocation.errors import OutsideFailed

TIMEOUT = aiohttp.ClientTimeout(total=120)


class SandboxRefused(OutsideFailed):
    """The sandbox said no; ``reason`` is its code."""

    def __init__(self, call: str, status: int, reason: str) -> None:
        super().__init__(
            "SANDBOX_REFUSED",
            expected=f"success of {call}",
            got=f"{status} {reason}",
            remedy="see sandbox.log in the demo's folder",
        )
        self.status = status
        self.reason = reason


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
                raise SandboxRefused(
                    f"{method} {path.split('?', maxsplit=1)[0].rsplit('/', 1)[-1]}",
                    response.status,
                    str(answer.get("code")),
                )
            return answer

    async def play(self, this_update: datetime) -> dict[str, Any]:
        """Live up to this moment and publish the day's lists (the same moment again changes nothing)."""
        return await self._call("POST", "/days:play", {"this_update": rfc3339(this_update)})

    async def play_by_itself(self) -> dict[str, Any]:
        """From now on a list every real 24 hours, so that nothing served ever expires."""
        return await self._call("POST", "/days:auto", {"enabled": True})

    async def caught_up(self) -> bool:
        """Are the newest lists less than a day old? Missed days come one after the other."""
        facts = await self.health()
        return moment(facts["now"]) - moment(facts["published_at"]) < timedelta(hours=24)

    async def health(self) -> dict[str, Any]:
        """Its day (None before the first), when that was published, and what time it is there."""
        return await self._call("GET", "/health")

    async def now(self) -> datetime:
        answer = await self._call("GET", "/clock")
        return moment(answer["now"])

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

    async def sign(self, resident_id: str, data: bytes, kind: str = "card-sign") -> dict[str, str]:
        """Card (or phone) and PIN, simulated: a signature over the data with the person's signing key."""
        body = {"data": base64.b64encode(data).decode(), "kind": kind}
        return await self._call("POST", f"/residents/{resident_id}/card:sign", body)

    async def person(self, resident_id: str) -> dict[str, Any]:
        """Everything that J-LIS knows of somebody: items, certificates, consents."""
        return await self._call("GET", f"/people/{resident_id}")

    async def act(self, resident_id: str, event: str, options: dict[str, Any]) -> str | None:
        """Let it befall this person, now. The code where it cannot (a card that is gone already), or None."""
        try:
            await self._call("POST", f"/residents/{resident_id}:{event}", options)
        except SandboxRefused as refused:
            if refused.status != 409:
                raise
            return refused.reason
        return None

    async def withdraw_at_jlis(self, resident_id: str, service_code: str) -> None:
        """With J-LIS's own application: the institution hears of it by a poll alone."""
        await self._call(
            "POST", f"/residents/{resident_id}/consents:withdraw", {"service_code": service_code}
        )

    async def reflect_consents_after(self, seconds: int) -> None:
        await self._call("POST", "/settings", {"reflection_delay_s": seconds})

    async def municipality_of(self, partition: int) -> str:
        """Whose list that partition of the cards' signing CA is."""
        async with self._session.get(f"{self.base_url}/jlis/v1/crls/card-sign", timeout=TIMEOUT) as response:
            listed = (await response.json(content_type=None))["partitions"]
        return str(next(one["municipality_code"] for one in listed if one["partition"] == partition))

    async def fault(self, fault: dict[str, Any]) -> None:
        await self._call("POST", "/faults", fault)

    async def no_faults(self) -> None:
        await self._call("DELETE", "/faults")

    async def life_log(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        after = 0
        while True:
            page = await self._call("GET", f"/life-log?after={after}")
            if not page["entries"]:
                return entries
            entries += page["entries"]
            after = page["next"]

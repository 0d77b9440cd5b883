"""How the institutions join: what the operator does for each, and what each sets up by the public API."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from joserfc.jwk import ECKey

from platform_api.demo.cast import ALL_ITEMS, ASKS
from platform_api.demo.institution import Institution
from platform_api.demo.processes import ChildFailed, run_once
from platform_api.demo.world import World

#: Name of the institution, codes by which J-LIS knows its services; by position in the cast.
INSTITUTIONS: Final = (
    ("あおぞらデモ銀行 (Aozora Demo Bank)", ("aozora-accounts", "aozora-loans")),
    ("さくらデモ証券 (Sakura Demo Securities)", ("sakura-trading",)),
)
#: The delivery key of the institution that has its items delivered.
KID: Final = "demo-2026"
#: Refreshing is tried again after so many days; a demo is short, so every night.
_BACK_OFF_DAYS: Final = [1]


async def create_institutions(world: World) -> list[dict[str, Any]]:
    """What the operator does once per institution: legal basis, services, API key (``jpki institution``).

    Each record has ``services``: id and code, the first one's id also as ``service_id``. It also gets the
    private half of its delivery key: the demo plays the institution, which keeps that to itself.
    """

    async def create(name: str, codes: tuple[str, ...]) -> dict[str, Any]:
        data = ["--data", str(world.data), "--json"]
        record = await _told(world, ["create", *data, "--name", name, "--service", codes[0]])
        services = [{"service_id": record["service_id"], "code": codes[0]}]
        for code in codes[1:]:
            whose = ["--institution-id", record["institution_id"], "--service", code, "--name", name]
            services.append({"service_id": (await _told(world, ["add-service", *data, *whose]))["service_id"],
                             "code": code})  # fmt: skip
        key = await asyncio.to_thread(ECKey.generate_key, "P-256", private=True)
        return {**record, "name": name, "services": services, "delivery_key": key.as_dict(private=True)}

    return list(await asyncio.gather(*(create(*one) for one in INSTITUTIONS)))


async def _told(world: World, arguments: list[str]) -> dict[str, Any]:
    code, out, err = await run_once(["institution", *arguments], world.env)
    if code != 0:
        raise ChildFailed("institution", code, err.strip())
    record: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return record


async def set_up_delivery(institutions: list[Institution]) -> None:
    """Everybody's key: who signs a letter is told encrypted. And what is refreshed for every institution but
    the one that asks itself. Repeatable.
    """
    for number, institution in enumerate(institutions):
        await institution.put_delivery_key(KID)
        if number == ASKS:
            continue
        await institution.put_refresh_policy(
            {
                "enabled": True,
                "items": list(ALL_ITEMS),
                "daily_cap": 100_000,
                "daily_questions_cap": 1_000_000,
                "back_off_days": _BACK_OFF_DAYS,
                "refresh_on": ["CONTENT_CHANGED", "UNSPECIFIED"],
                "linkage": True,
            }
        )

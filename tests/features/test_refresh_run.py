"""A pass over all institutions, by the settings: in which order, and what J-LIS is asked by."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from platform_api.config import Settings, load_settings
from platform_api.jlis.gateway import WithdrawalPage
from platform_api.key_set import KeySet, open_keys
from platform_api.refresh.published import PublishedSets
from platform_api.refresh.report import RefreshReport
from platform_api.refresh.run import Refreshing
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import onboard
from tests.features.delivering import put_key, queued
from tests.features.gateways import FakeJlis
from tests.features.service import serving
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


def prepared(world: World, folder: Path, given: dict[str, Any]) -> tuple[Settings, KeySet]:
    """Settings, and the files that they name."""
    made = load_settings(data_dir=folder / "data", **given)
    made.data_dir.mkdir()
    world.authorities.dump(made.authorities_file)
    return made, open_keys(made.keys_dir, now=world.clock.now())


async def whole_pass(world: World, jlis: FakeJlis, folder: Path, **settings: Any) -> RefreshReport:
    """What `jpki refresh` runs, once everything is open."""
    made, keys = await asyncio.to_thread(prepared, world, folder, settings)
    database = world.database.database
    published = PublishedSets(world.store, made.authorities_file, world.clock)
    opened = Refreshing(made, keys, database, jlis, world.clock, published)
    return await opened.run(progress=lambda _: None)


async def test_jlis_is_asked_by_the_code_it_gave_the_institution(
    world: World, institution: TestInstitution, other_institution: TestInstitution, tmp_path: Path
) -> None:
    """The code of the settings where one stands for the institution; its own id for any other."""
    jlis = FakeJlis(world.clock)
    await world.day()
    await whole_pass(world, jlis, tmp_path, jlis_provider_codes={institution.institution_id: "P-0001"})
    assert sorted(jlis.polled_by) == sorted(["P-0001", str(other_institution.institution_id)])


async def test_what_nobody_took_goes_before_anybody_is_asked_about(
    world: World, institution: TestInstitution, other_institution: TestInstitution, tmp_path: Path
) -> None:
    """The first institution's questions may take hours: by then the last one's old deliveries are gone."""
    jlis = FakeJlis(world.clock)
    await world.day()
    async with serving(world, jlis) as service:
        for one in (institution, other_institution):
            await put_key(service, one)
            registration_id = await onboard(service, one, make_card(sets.ca()))
            await queued(service, one, registration_id, {}, keep=timedelta(hours=1))
    world.clock.advance(timedelta(hours=1))
    left: list[int] = []

    async def count(provider_code: str, cursor: str | None) -> WithdrawalPage:
        async with world.database.superuser() as connection:
            left.append(await connection.fetchval("SELECT count(*) FROM delivery"))
        return await FakeJlis.poll_withdrawals(jlis, provider_code, cursor)

    jlis.poll_withdrawals = count  # type: ignore[method-assign]
    report = await whole_pass(world, jlis, tmp_path)
    assert (left, report.total("purged")) == ([0, 0], 2)

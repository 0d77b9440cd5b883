"""Consents that a release before 0007 wrote: their history comes of their times, and their events come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from platform_api.consents.history_store import history
from platform_api.consents.maintenance import maintain
from platform_api.db.transactions import tenant
from revocation.clock import FixedClock
from tests.base.postgres import MADE_AT, TestDatabase
from tests.features.upgrading import upgraded

pytestmark = pytest.mark.timeout(60)

_RECEIVED = datetime(2026, 11, 1, 3, tzinfo=UTC)


async def _filled(superuser: Any, institution_id: UUID) -> dict[str, UUID]:
    """One consent in each state that was written then."""
    service_id, registration_id, holder_id = uuid4(), uuid4(), uuid4()
    await superuser.execute(
        "INSERT INTO institution VALUES ($1, 'n', 'test', 'l', $2, NULL, '{}', '{}', $2)",
        institution_id,
        MADE_AT,
    )
    await superuser.execute(
        "INSERT INTO service VALUES ($1, $2, 'svc', 'n', $3)", service_id, institution_id, MADE_AT
    )
    await superuser.execute(
        "INSERT INTO registration VALUES ($1, $2, $3, 'r', 'c', 'WATCHED', $4, $4)",
        registration_id,
        institution_id,
        service_id,
        MADE_AT,
    )
    ids = {}
    for state in ("SENT", "REFUSED", "REFLECTED"):
        reflected = state == "REFLECTED"
        ids[state] = uuid4()
        await superuser.execute(
            "INSERT INTO consent (consent_id, institution_id, registration_id, service_id, certificate_id,"
            " holder_id, application_number, application_sha256, text_version, items, state, refusal_code,"
            " consent_ref, received_at, sent_at, reflected_at, valid_from, valid_until)"
            " VALUES ($1, $2, $3, $4, $5, $5, $6, $7, 't', '{name}', $8, $9, $10, $11, $11, $12, $13, $14)",
            ids[state],
            institution_id,
            registration_id,
            service_id,
            holder_id,
            uuid4(),
            bytes(32),
            state,
            "CODE" if state == "REFUSED" else None,
            "ref" if reflected else None,
            _RECEIVED,
            _RECEIVED if reflected else None,
            _RECEIVED + timedelta(hours=12) if reflected else None,
            _RECEIVED + timedelta(days=3650) if reflected else None,
        )
    return ids


async def test_an_upgrade_loses_no_history_and_no_event(database: TestDatabase) -> None:
    """Migrated with consents in it: each has its states; the one in force is told of at the first pass."""
    institution_id = uuid4()
    async with upgraded(database, 6, lambda superuser: _filled(superuser, institution_id)) as (pool, ids):
        report = await maintain(pool, institution_id, FixedClock(_RECEIVED + timedelta(days=2)))
        assert (report.turned, report.told) == (1, 1)
        async with tenant(pool, institution_id) as connection:
            found = {
                state: [row.step.state.value for row in await history(connection, consent_id)]
                for state, consent_id in ids.items()
            }
            events = await connection.fetch("SELECT type, consent_id FROM event")
    assert found == {
        "SENT": ["RECEIVED", "SENT"],
        "REFUSED": ["RECEIVED", "SENT", "REFUSED"],
        "REFLECTED": ["RECEIVED", "SENT", "REFLECTED", "EFFECTIVE"],
    }
    assert [tuple(row) for row in events] == [("consent.effective", ids["REFLECTED"])]

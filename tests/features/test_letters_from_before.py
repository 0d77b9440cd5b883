"""Letters that were signed under a release before 0013: nobody knows whether their signer was taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from platform_api.db.transactions import tenant
from platform_api.invitations import store
from platform_api.invitations.expiring import expire_all
from platform_api.invitations.model import CONFIRM_WITHIN, InvitationState
from tests.base.postgres import MADE_AT, TestDatabase
from tests.features.upgrading import upgraded

pytestmark = pytest.mark.timeout(60)

_SIGNED = datetime(2026, 11, 1, 3, tzinfo=UTC)


async def _filled(superuser: Any, institution_id: UUID) -> UUID:
    """One letter that waits for its institution; of its delivery nothing is left."""
    service_id, key_id, invitation_id = uuid4(), uuid4(), uuid4()
    await superuser.execute(
        "INSERT INTO institution VALUES ($1, 'n', 'test', 'l', $2, NULL, '{}', '{}', $2)",
        institution_id,
        MADE_AT,
    )
    await superuser.execute(
        "INSERT INTO service VALUES ($1, $2, 'svc', 'n', $3)", service_id, institution_id, MADE_AT
    )
    await superuser.execute("SET session_replication_role = replica")  # an API key is not what matters here
    await superuser.execute(
        "INSERT INTO consent_invitation (invitation_id, institution_id, service_id, key_id, registration_ref,"
        " customer_ref, application_number, language, token_hash, state, created_at, expires_at, opened_at,"
        " signed_at, confirm_by, delivery_id, certificate_hash, signed_hash)"
        " VALUES ($1, $2, $3, $4, 'r', 'c', $5, 'ja', $6, 'PENDING_INSTITUTION_CONFIRMATION', $7, $8, $7, $7,"
        " $9, $10, $6, $6)",
        invitation_id,
        institution_id,
        service_id,
        key_id,
        uuid4(),
        bytes(32),
        _SIGNED,
        _SIGNED + timedelta(days=30),
        _SIGNED + CONFIRM_WITHIN,
        uuid4(),
    )
    return invitation_id


async def test_an_upgrade_takes_no_signature_away(database: TestDatabase) -> None:
    """It waits for its institution's confirmation for the 14 days that it was told, and then expires."""
    institution_id, states = uuid4(), []
    async with upgraded(database, 12, lambda superuser: _filled(superuser, institution_id)) as made:
        pool, invitation_id = made
        for days in (13, 14):
            await expire_all(pool, institution_id, _SIGNED + timedelta(days=days))
            async with tenant(pool, institution_id) as connection:
                found = await store.find(connection, invitation_id)
            states.append(None if found is None else found.state)
    assert states == [InvitationState.PENDING, InvitationState.EXPIRED]

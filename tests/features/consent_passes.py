"""The consents' daily work, as tests do it: consents of several customers, passes, times in Japan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from platform_api.consents.maintenance import MaintenanceReport, maintain
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import consent, onboard
from tests.features.service import Service
from tests.revocation import sets


async def passes(
    service: Service, institution: TestInstitution, jlis: Any = None, pool: Any = None, **more: Any
) -> MaintenanceReport:
    world = service.world
    return await maintain(
        pool or world.database.app_pool, institution.institution_id, world.clock, gateway=jlis, **more
    )


async def given(service: Service, institution: TestInstitution, count: int = 1) -> list[str]:
    """Consents of as many customers, reflected today."""
    found = []
    for number in range(count):
        card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=5000))
        registration_id = await onboard(service, institution, card, f"r-{number}")
        found.append((await consent(service, institution, card, registration_id))["consent_id"])
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+09:00")

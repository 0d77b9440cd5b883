"""DATA answers that a J-LIS should never give, so that a client can prove that it takes none of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platform_api.sandbox.fault_kinds import FaultKind
from platform_api.sandbox.four_information import FIELDS, Found, answer, only
from platform_api.sandbox.known import as_answered, kind_of, newest_valid
from platform_api.sandbox.register import IssuedCertificate

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

HUGE: Final = 10_000_000


def false_answer(world: World, found: Found, kind: FaultKind, now: datetime) -> dict[str, Any]:
    """The answer to a question that led to ``found``, spoiled in one way."""
    if kind is FaultKind.NO_CURRENT_CERTIFICATE or found.certificate is None:
        certificate_matters = found.outcome in ("DATA", "NO_NEWER_INFORMATION", "NO_NEW_CERTIFICATE")
        return {"outcome": "NO_NEW_CERTIFICATE" if certificate_matters else found.outcome}
    spoiled = answer(world, found, now)
    items: dict[str, str] = spoiled["items"]
    match kind:
        case FaultKind.EXTRA_ITEMS:
            spoiled["items"] = only(found.certificate.items, tuple(FIELDS))
        case FaultKind.OTHER_PERSON:
            other = _somebody_else(world, found.certificate, now)
            spoiled["items"] = only(other.items, found.items)
            spoiled["certificate"] = as_answered(world, other)
        case FaultKind.WRONG_SERIAL:
            spoiled["certificate"] = as_answered(world, _somebody_else(world, found.certificate, now))
        case FaultKind.NUL_IN_NAME:
            name = items.get("name", "山田　太郎")
            flags = items.get("name_substitute_characters", "0" * len(name))
            items |= {"name": f"{name[:1]}\0{name[1:]}", "name_substitute_characters": f"{flags}0"}
        case FaultKind.HUGE_NAME:
            items |= {"name": "山" * (HUGE // 3), "name_substitute_characters": "0"}
        case FaultKind.WITHDRAWN_MEANWHILE if found.consent is not None:
            _withdraw(world, found.consent.resident, found.consent.service_code, now)
        case _:
            pass
    return spoiled


def _somebody_else(world: World, certificate: IssuedCertificate, now: datetime) -> IssuedCertificate:
    """The next resident who has a certificate of that kind in force."""
    register, _ = world.begun()
    count = world.settings.residents
    for step in range(1, count):
        resident = register.residents[(certificate.resident - 1 + step) % count + 1]
        found = newest_valid(resident, kind_of(certificate), now)
        if found is not None:
            return found
    return certificate


def _withdraw(world: World, resident: int, service_code: str, now: datetime) -> None:
    if world.withdrawals.standing(resident, service_code):
        received_at = now.replace(microsecond=0)
        world.keep(world.withdrawals.record_of(resident, service_code, received_at, world.jlis_settings))

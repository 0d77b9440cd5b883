"""What befalls a phone: lost and found, sold, replaced. Its certificates hang upon the card's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from platform_api.sandbox.acts import (
    CESSATION_OF_OPERATION,
    KEY_COMPROMISE,
    SUPERSEDED,
    Act,
    Scene,
    need_valid_card,
)
from platform_api.sandbox.certificate_rows import HOLD, IssuedCertificate, Resident
from platform_api.sandbox.kinds import MOBILE, OF_CARD
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import Register


def releasable(resident: Resident, at: datetime) -> list[IssuedCertificate]:
    """Those of the phone on hold whose own certificate on the card is in force: not that of a newer card."""
    found = []
    for kind in MOBILE:
        held, card = resident.newest(kind), resident.valid(OF_CARD[kind], at)
        if held is None or not held.on_hold or at > held.not_after:
            continue
        if card is not None and card.not_before <= held.not_before:
            found.append(held)
    return found


def _hold_phone(scene: Scene) -> None:
    """Lost: the call centre stops the use of it for a while (jpki.md section 1.5)."""
    scene.end(MOBILE, HOLD)
    scene.register.held_phones[scene.resident.number] = None


def _release_phone(scene: Scene) -> None:
    """Found: the hold ends, the entry leaves the list."""
    for certificate in releasable(scene.resident, scene.at):
        scene.register.release(certificate, scene.at)
        scene.lived.released.append(certificate)
    scene.register.held_phones.pop(scene.resident.number, None)


def _lose_phone(scene: Scene) -> None:
    scene.end(MOBILE, KEY_COMPROMISE)


def _stop_phone(scene: Scene) -> None:
    """Sold or handed on: the owner has to have the certificates revoked before."""
    scene.end(MOBILE, CESSATION_OF_OPERATION)


def _new_phone(scene: Scene) -> None:
    """Issuing on a new phone ends the certificates of the old one by itself."""
    scene.end(MOBILE, SUPERSEDED)
    for kind in MOBILE:
        if kind in scene.register.kinds and scene.resident.valid(OF_CARD[kind], scene.at) is not None:
            scene.lived.issued.append(scene.register.issue(scene.resident, kind, scene.at))


PHONE_ACTS: Final[dict[str, Act]] = {
    "hold_phone": _hold_phone,
    "release_phone": _release_phone,
    "lose_phone": _lose_phone,
    "stop_phone": _stop_phone,
    "new_phone": _new_phone,
}


def _no_phone(resident: Resident) -> RequestRefused:
    return RequestRefused(
        409, "NO_VALID_PHONE", f"{resident.resident_id} has no phone with certificates in force"
    )


def _need_valid(_: Register, resident: Resident, at: datetime) -> None:
    if not any(resident.valid(kind, at) for kind in MOBILE):
        raise _no_phone(resident)


def _need_open(_: Register, resident: Resident, at: datetime) -> None:
    if not any(resident.open(kind, at) for kind in MOBILE):
        raise _no_phone(resident)


def _need_held(_: Register, resident: Resident, at: datetime) -> None:
    if not releasable(resident, at):
        raise RequestRefused(
            409,
            "NOTHING_TO_RELEASE",
            f"{resident.resident_id} has no phone on hold with its card in force; hold one first",
        )


def _need_kinds(register: Register, resident: Resident, at: datetime) -> None:
    if not any(kind in register.kinds for kind in MOBILE):
        raise RequestRefused(409, "NO_SUCH_KIND", "expected a sandbox with certificates on phones")
    need_valid_card(register, resident, at)


PHONE_NEEDS: Final[dict[str, Callable[[Register, Resident, datetime], None]]] = {
    "hold_phone": _need_valid,
    "release_phone": _need_held,
    "lose_phone": _need_open,
    "stop_phone": _need_open,
    "new_phone": _need_kinds,
}

"""Doing an event: first everything that can refuse it, then the change; live, by hand and in replay."""

from __future__ import annotations

from datetime import datetime
from random import Random

from platform_api.sandbox.acts import Lived, Options, Scene
from platform_api.sandbox.events import ACTS, NEEDS
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import Register, Resident


def perform(
    event: str, register: Register, resident: Resident, at: datetime, random: Random, options: Options
) -> Lived:
    """Does one act; refuses, with nothing changed, what cannot befall this resident."""
    check(event, register, resident, at)
    register.residents.pin(resident)
    register.due.pop(resident.number, None)
    resident.touched_at = at
    lived = Lived(at, resident, event)
    ACTS[event](Scene(register, resident, at, random, options, lived))
    lived.items = register.present(resident.person).four_information(at)
    return lived


def check(event: str, register: Register, resident: Resident, at: datetime) -> None:
    """Everything that can refuse an act; after it the act cannot fail and may be journalled."""
    if resident.struck:
        raise RequestRefused(
            409, "STRUCK", f"{resident.resident_id} is struck from the register; choose another resident"
        )
    need = NEEDS.get(event)
    if need is not None:
        need(register, resident, at)

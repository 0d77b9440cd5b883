"""Registers without a world around them: no journal, no lists signed, acts in milliseconds."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from platform_api.sandbox.acts import Lived, Options
from platform_api.sandbox.ca import CertificateAuthority, algorithms, found_authority
from platform_api.sandbox.keys import Algorithm, hash_of_keys, load_keys
from platform_api.sandbox.kinds import ALL, profiles
from platform_api.sandbox.numbering import Numbering
from platform_api.sandbox.performing import perform
from platform_api.sandbox.register import Register, Resident
from tests.sandbox.worlds import keys_file

BEGINS = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PEOPLE = 60
PROFILES = profiles(ALL, phone_shares_ca=False)


@cache
def _authorities() -> dict[str, CertificateAuthority]:
    keys = load_keys(keys_file(), hash_of_keys(keys_file()), ALL)
    numbering = _numbering()
    return {
        profile.ca_id: found_authority(
            profile, keys, founded_at=BEGINS, serials=numbering.authority_serials(profile.ca_id)
        )
        for profile in PROFILES
    }


def _numbering(seed: int = 1) -> Numbering:
    generations = {profile.ca_id: len(algorithms(profile, Algorithm.RSA)) for profile in PROFILES}
    return Numbering(seed, PEOPLE, PROFILES, generations)


def a_register(seed: int = 1) -> Register:
    numbering = _numbering(seed)
    serials = {kind: itertools.count(numbering.next_serial(kind)) for kind in ALL}
    upto = BEGINS - timedelta(days=3)
    return Register(_authorities(), numbering, serials, begins_at=BEGINS, filled_upto=upto)


def do(register: Register, event: str, resident: Resident, at: datetime, **options: Any) -> Lived:
    return perform(event, register, resident, at, Random(f"{event}{at}"), Options(**options))

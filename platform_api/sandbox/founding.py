"""Founding a sandbox in an empty folder, or finding what was founded there: settings, keys, CAs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from platform_api.sandbox.ca import CertificateAuthority, algorithms, found_authority
from platform_api.sandbox.journal import Journal
from platform_api.sandbox.keys import Keys, hash_of_keys, load_keys, make_keys, store_keys
from platform_api.sandbox.numbering import Numbering
from platform_api.sandbox.settings import Chosen, Settings, choose, founded


def found_or_find(folder: Path, journal: Journal, chosen: Chosen, now: datetime) -> tuple[Settings, Keys]:
    """The settings, those of the journal where it has begun, and the keys that belong to them."""
    key_file = folder / "keys.pem"
    if journal.records:
        settings = founded(journal.records[0], chosen)
    else:
        settings = _new_settings(key_file, choose(chosen), now.replace(microsecond=0))
        # The founding: before this line the folder holds keys that nobody has seen, after it a world.
        journal.append(settings.record())
    ca_ids = [profile.ca_id for profile in settings.profiles]
    return settings, load_keys(key_file, settings.keys_sha256, ca_ids)


def _new_settings(key_file: Path, found: dict[str, Any], founded_at: datetime) -> Settings:
    without_keys = Settings(**found, founded_at=founded_at, keys_sha256="")
    if not key_file.exists():
        wanted = {
            profile.ca_id: algorithms(profile, without_keys.card_algorithm)
            for profile in without_keys.profiles
        }
        store_keys(key_file, make_keys(wanted))
    return replace(without_keys, keys_sha256=hash_of_keys(key_file))


def numbered_past(settings: Settings, keys: Keys) -> Numbering:
    generations = {profile.ca_id: len(keys.authority[profile.ca_id]) for profile in settings.profiles}
    return Numbering(settings.seed, settings.residents, settings.profiles, generations)


def found_authorities(
    settings: Settings, keys: Keys, numbering: Numbering
) -> dict[str, CertificateAuthority]:
    """The CAs by their ids; each CA certificate takes a number of its CA's own counter."""
    return {
        profile.ca_id: found_authority(
            profile,
            keys,
            founded_at=settings.founded_at,
            serials=numbering.authority_serials(profile.ca_id),
        )
        for profile in settings.profiles
    }

"""Every setting that stands for something unknown about J-LIS: value, default, and the open question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_api.jlis.calls import CALLS
from platform_api.jlis.error_codes import MEANINGS, THEIR_CODES
from platform_api.jlis.open_questions import QUESTIONS

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings


def settings_report(settings: BaseSettings) -> dict[str, Any]:
    """JSON values only. None of these settings is a secret; of a key only its file's name is one."""
    return {
        "questions": [
            {
                "number": one.number,
                "en": one.en,
                "ja": one.ja,
                "settled_in": one.settled_in,
                "settings": [_setting(settings, name) for name in one.settings],
            }
            for one in QUESTIONS
        ],
        "calls": [
            {"call": one.name, "kind": one.kind.value, "twice": one.twice.value, "why": one.why_harmless}
            for one in CALLS
        ],
        "codes": {
            code: {
                "reaction": meaning.reaction.value,
                "en": meaning.en,
                "ja": meaning.ja,
                "theirs": sorted(theirs for theirs, ours in _their_codes(settings).items() if ours == code),
            }
            for code, meaning in MEANINGS.items()
        },
    }


def _their_codes(settings: Any) -> dict[str, str]:
    return {**THEIR_CODES, **settings.jlis_error_codes}


def _setting(settings: BaseSettings, name: str) -> dict[str, Any]:
    field = type(settings).model_fields[name]
    value, default = _plain(getattr(settings, name)), _plain(field.default)
    return {
        "name": name,
        "value": value,
        "default": default,
        "is_default": value == default,
        "description": field.description,
    }


def _plain(value: Any) -> Any:
    """As JSON has it, in an order that does not change from run to run."""
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, frozenset | set):
        return sorted(str(_plain(one)) for one in value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return str(value)

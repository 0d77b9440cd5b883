"""Settings of fetching the four items: a part of ``config.Settings``, and the rules made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from platform_api.config import Settings


class FourInformationFields(BaseModel):
    """Names as they stand in the environment, behind ``JPKI_``."""

    four_information_person_check: bool = Field(
        default=True,
        description="Discard four items whose certificate does not end on the holder's birthday (another "
        "person's). Unset it where certificates end with a residence permit.",
    )
    four_information_daily_cap: int = Field(
        default=100_000,
        ge=1,
        le=100_000_000,
        description="Most answers with four items for one service in one Japanese day, those included that "
        "were thrown away or could not be kept.",
    )


@dataclass(frozen=True, slots=True)
class FetchRules:
    """The defaults are those of the settings."""

    #: Discard an answer whose certificate does not end on the holder's birthday.
    person_check: bool = True
    #: Answers with items of one service in one Japanese day, whatever became of them; more are refused.
    daily_cap: int = 100_000

    @classmethod
    def of(cls, settings: Settings) -> FetchRules:
        return cls(
            person_check=settings.four_information_person_check,
            daily_cap=settings.four_information_daily_cap,
        )


DEFAULT_RULES: Final = FetchRules()

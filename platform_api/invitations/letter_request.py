"""What a customer's request says: which letter, which language, which form. Bounded, and never repeated
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from platform_api.bodies import read_body
from platform_api.invitations.letter_texts import LANGUAGES
from platform_api.invitations.tokens import well_formed
from platform_api.keys import SETTINGS
from platform_api.problems import Problem, language_of

_MOST_OCTETS: Final = 4_096
_MOST_FIELDS: Final = 8

#: The browser that went to an app and comes back. Only sent below /c/callback.
COOKIE: Final = "jpki_letter"
COOKIE_PATH: Final = "/c/callback"


def language_given(request: web.Request, default: str | None = None) -> str:
    """What the page's own switch says; else the letter's language; else the browser's."""
    given = request.query.get("lang", "")
    if given in LANGUAGES:
        return given
    return default or ("ja" if "Accept-Language" not in request.headers else _of_header(request))


def _of_header(request: web.Request) -> str:
    return language_of(request.headers["Accept-Language"])


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of a form; 400 where it is no form of ours."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        # Fetch metadata: no page of another site sends our forms.
        raise form_refused()
    if request.content_type != "application/x-www-form-urlencoded":
        raise form_refused()
    octets = await read_body(
        request, limit=_MOST_OCTETS, timeout_s=request.config_dict[SETTINGS].body_timeout_s
    )
    try:
        fields = parse_qsl(
            octets.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise form_refused() from None
    if len(dict(fields)) != len(fields):
        raise form_refused()
    return dict(fields)


@dataclass(frozen=True, slots=True, repr=False)
class Browser:
    """The cookie of a browser on its way: which letter it has, and its mark."""

    token: str
    mark: str
    language: str

    def value(self) -> str:
        return f"{self.token}.{self.mark}.{self.language}"

    @classmethod
    def of(cls, request: web.Request) -> Browser | None:
        parts = request.cookies.get(COOKIE, "").split(".")
        if len(parts) != 3 or not all(map(well_formed, parts[:2])) or parts[2] not in LANGUAGES:
            return None
        return cls(*parts)


def form_refused() -> Problem:
    return Problem(
        400,
        "LETTER_FORM_REFUSED",
        en="Send the form of the letter's own page.",
        ja="ご案内のページのフォームから送信してください。",
    )

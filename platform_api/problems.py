"""Problem details (RFC 9457): every refusal of the service has this one shape.

A handler raises ``Problem``; only the outermost middleware renders it. A problem never carries what the
caller sent: texts are fixed sentences, and field errors name a place (a JSON pointer), never a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

MEDIA_TYPE: Final = "application/problem+json"

#: Fixed titles by status; RFC 9457 section 3.1.3 wants them not to change from occurrence to occurrence.
_TITLES: Final[dict[int, tuple[str, str]]] = {
    400: ("Bad request", "リクエストが正しくありません"),
    401: ("Unauthorized", "認証が必要です"),
    403: ("Forbidden", "許可されていません"),
    404: ("Not found", "見つかりません"),
    405: ("Method not allowed", "このメソッドは使えません"),
    408: ("Request timeout", "リクエストの受信が時間切れになりました"),
    409: ("Conflict", "競合しています"),
    410: ("Gone", "すでに提供を終えています"),
    413: ("Content too large", "リクエストが大きすぎます"),
    415: ("Unsupported media type", "対応していない形式です"),
    422: ("Unprocessable content", "内容を処理できません"),
    429: ("Too many requests", "リクエストが多すぎます"),
    500: ("Internal server error", "サーバー内部の誤りです"),
    502: ("Bad gateway", "接続先が正しく応答しません"),
    503: ("Service unavailable", "現在利用できません"),
    504: ("Gateway timeout", "接続先が時間内に応答しません"),
}


class Problem(Exception):
    """A refusal for the caller, in two languages; ``code`` is stable, texts are not."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        en: str,
        ja: str,
        errors: Sequence[Mapping[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.en = en
        self.ja = ja
        self.errors = tuple(dict(error) for error in errors) if errors is not None else None
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def parts(self) -> dict[str, Any]:
        """What ``Problem(**parts)`` makes the same problem from; JSON values only."""
        return {
            "status": self.status,
            "code": self.code,
            "en": self.en,
            "ja": self.ja,
            "errors": None if self.errors is None else list(self.errors),
            "headers": self.headers,
            "extra": self.extra,
        }

    def document(self, *, language: str, request_id: str) -> dict[str, Any]:
        """The RFC 9457 members, in the language asked for."""
        japanese = language == "ja"
        title = _TITLES.get(self.status, ("Refused", "受け付けられません"))[1 if japanese else 0]
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": title,
            "status": self.status,
            "code": self.code,
            "detail": self.ja if japanese else self.en,
            "request_id": request_id,
        }
        if self.errors is not None:
            members["errors"] = list(self.errors)
        return members | self.extra

    def render(self, *, language: str, request_id: str) -> web.Response:
        """The response; called by the middleware alone."""
        body = orjson.dumps(self.document(language=language, request_id=request_id))
        response = web.Response(status=self.status, body=body, headers=self.headers)
        response.content_type = MEDIA_TYPE
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept-Language"
        return response


def language_of(accept_language: str) -> str:
    """``ja`` when Accept-Language (RFC 9110 section 12.5.4) prefers it to English, else ``en``."""
    best, best_quality = "en", -1.0
    for choice in accept_language[:256].split(","):
        tag, _, parameter = choice.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary not in ("ja", "en"):
            continue
        quality = _quality(parameter)
        if quality > best_quality and quality > 0:
            best, best_quality = primary, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def not_found() -> Problem:
    """The same answer for "does not exist" and "belongs to somebody else"."""
    return Problem(
        404,
        "NOT_FOUND",
        en="There is nothing here for this API key; check the address and the id.",
        ja="このAPIキーで参照できるものはありません。アドレスとIDを確認してください。",
    )


def forbidden(needed: str) -> Problem:
    """The credential is good but lacks a scope, purpose or kind; ``needed`` is one of our own names."""
    return Problem(
        403,
        "NOT_PERMITTED",
        en=f"This API key does not have the permission {needed}; ask the operator to grant it.",
        ja=f"このAPIキーには権限 {needed} がありません。運営者に付与を依頼してください。",
    )

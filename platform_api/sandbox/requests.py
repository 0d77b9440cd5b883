"""The bodies of the sandbox's requests: strict, nothing unknown, refused without echoing what was sent."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platform_api.sandbox.acts import Options
from platform_api.sandbox.fault_kinds import FaultKind, Target
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.refusals import RequestRefused

Model = TypeVar("Model", bound=BaseModel)
Encoded = Annotated[str, Field(max_length=200_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PlayDay(_Strict):
    this_update: Annotated[str, Field(max_length=40)]


class AutoDays(_Strict):
    enabled: bool


class SignWithCard(_Strict):
    data: Encoded
    kind: Literal["card-sign", "card-auth", "mobile-sign", "mobile-auth"] = "card-sign"


class ResponderKey(_Strict):
    public_key: Annotated[str, Field(max_length=8192)]


class RollKey(_Strict):
    algorithm: Literal["rsa", "p384"] | None = None


class MergeMunicipality(_Strict):
    into: Annotated[str, Field(max_length=6)]
    entries: Literal["kept", "moved"] = "kept"


class ActByHand(_Strict):
    reissue: Literal["same_day", "never"] | Annotated[int, Field(ge=1, le=3650)] | None = None
    municipality_code: str | None = None
    #: Of moving abroad: the planned day (国外転出予定日).
    day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None

    def options(self) -> Options:
        place = None
        if self.municipality_code is not None:
            place = BY_CODE.get(self.municipality_code)
            if place is None:
                raise RequestRefused(
                    422, "NO_SUCH_MUNICIPALITY", "expected a municipality_code of GET /jlis/v1/crls/card-sign"
                )
        return Options(self.reissue, place, self._day())

    def _day(self) -> date | None:
        try:
            return None if self.day is None else date.fromisoformat(self.day)
        except ValueError:
            raise RequestRefused(400, "REQUEST_MALFORMED", "day: expected a day, as 2026-12-01") from None


class AddFault(_Strict):
    model_config = ConfigDict(extra="forbid", strict=False)

    kind: FaultKind
    target: Target
    municipality_code: str | None = None
    generation: str | None = None
    status: Annotated[int, Field(ge=500, le=599)] = 503
    delay_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None


async def body_of(request: web.Request, model: type[Model]) -> Model:
    """The request's body as that model; an absent body is an empty object."""
    octets = await request.read()
    try:
        return model.model_validate(orjson.loads(octets) if octets else {})
    except orjson.JSONDecodeError:
        raise RequestRefused(400, "REQUEST_MALFORMED", "expected a JSON object as the body") from None
    except ValidationError as error:
        raise RequestRefused(400, "REQUEST_MALFORMED", _said(error)) from None


def _said(error: ValidationError) -> str:
    """Which field is wrong and how, never its value, nor the name of an unknown field."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "extra_forbidden":
        return "expected only the documented fields, got another one; leave it out"
    field = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    return f"{field or 'body'}: {first['msg']}"


def decoded(field: str, text: str) -> bytes:
    """Strict base64 (RFC 4648 section 4)."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise RequestRefused(400, "REQUEST_MALFORMED", f"{field}: expected base64") from None


def whole_number(request: web.Request, name: str, default: int, *, most: int) -> int:
    """A query parameter that is a whole number from 0."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise RequestRefused(400, "REQUEST_MALFORMED", f"{name}: expected a whole number from 0")
    return min(int(text), most)


def json_response(payload: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(payload), status=status, content_type="application/json")

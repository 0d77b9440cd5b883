"""What ``certificates:batchCheck`` takes and gives, and how its body is read.

The models are the rule. Ten thousand strings are not made into Python objects where they are plainly what the
model wants: ``_serial_numbers.pyx`` cuts them out, and the model judges the rest of the same octets.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import orjson
from pydantic import FailFast, Field

from platform_api.bodies import parse_body
from platform_api.operations import RequestModel, ResponseModel
from platform_api.problems import Problem
from platform_api.status._serial_numbers import cut_serial_numbers, member_count
from platform_api.status.bodies import MaxAge
from platform_api.status.wire import EvidenceBody, ValidityBody

MOST_ITEMS: Final = 10_000
#: 10,000 strings of 64 digits, and 100,000 octets beside them.
MAX_BODY: Final = 770_000
#: There are five. A parser that names each one that is too many would be at it for a third of a second.
_MOST_MEMBERS: Final = 32

#: 1 to 64 digits in either case, whose value a DER INTEGER holds in 20 octets (RFC 5280 section 4.1.2.2).
SERIAL_PATTERN: Final = r"^0{0,63}[0-7]?[0-9A-Fa-f]{1,39}$"
_SerialNumber = Annotated[str, Field(pattern=SERIAL_PATTERN, max_length=64)]
#: Stand for the array that was cut out: a valid one, and one with an item too many.
_INSTEAD: Final = b'["0"]'
_TOO_MANY: Final = b"[%b]" % b",".join([b'"0"'] * (MOST_ITEMS + 1))


class BatchCheckRequest(RequestModel):
    """Certificates of one issuer by their serial numbers; needs the entitlement ``any``, or registrations."""

    purpose: Literal["current_status_check"]
    ca_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    issuer_key: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")] | None = None
    serial_numbers: Annotated[list[_SerialNumber], FailFast(), Field(min_length=1, max_length=MOST_ITEMS)]
    max_age_s: MaxAge | None = None


@dataclass(frozen=True, slots=True, repr=False)
class BatchAsked:
    """A body that was read. ``serials``: all of them, as ``revocation.statuses.Statuses`` takes them; in the
    body itself something may stand in their place.
    """

    body: BatchCheckRequest
    serials: array[int]


def read_batch(octets: bytes) -> BatchAsked:
    """The body of a batch; refused as ``parse_body`` with its model refuses it."""
    cut = cut_serial_numbers(octets, MOST_ITEMS)
    judged, serials = octets, None
    if cut is not None:
        start, end, serials = cut
        judged = b"".join((octets[:start], _TOO_MANY if serials is None else _INSTEAD, octets[end:]))
    if member_count(judged, _MOST_MEMBERS) == _MOST_MEMBERS:
        raise _too_many_members()
    body = parse_body(BatchCheckRequest, judged)
    if serials is not None:
        return BatchAsked(body, serials)
    # Right, but spelled in another way (escapes, a member twice): the strings as the parser understood them.
    plain = cut_serial_numbers(b'{"serial_numbers":%b}' % orjson.dumps(body.serial_numbers), MOST_ITEMS)
    if plain is None or plain[2] is None:
        raise AssertionError("expected the model and the scanner to take the same serial numbers")
    return BatchAsked(body, plain[2])


def _too_many_members() -> Problem:
    return Problem(
        422,
        "VALIDATION_FAILED",
        en="The body is not as the OpenAPI document says; see errors for the places.",
        ja="リクエストの内容がOpenAPI文書の定義と異なります。errorsの各箇所を確認してください。",
        errors=[{"pointer": "", "code": "extra_forbidden"}],
    )


class BatchAnswerBody(ResponseModel):
    """What is said of some of them, as ``certificates:check`` says it, but for reason and date."""

    status: str
    unknown_reason: str | None
    last_known: str | None
    validity: ValidityBody
    evidence: EvidenceBody | None
    message: str


#: Position in ``statuses``; position in ``answers``, null for NOT_FOUND; of what is listed reason and date.
BatchRow = tuple[int, int | None, int | None, str | None, datetime | None]
COLUMNS: Final = ("index", "answer", "reason_code", "reason", "revoked_at")


class BatchCheckResponse(ResponseModel):
    """``statuses`` has a word for each serial number, in the order of the request; ``NOT_FOUND`` means that
    this API key may not ask about it. A row of ``details`` names an item by its position and says which of
    ``answers`` is its own; the first is that of every other item.
    """

    ca_id: str
    issuer_key: str
    answers: list[BatchAnswerBody]
    columns: list[str]
    statuses: list[str]
    details: list[BatchRow]

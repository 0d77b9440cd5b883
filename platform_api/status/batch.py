"""POST /v1/certificates:batchCheck: up to 10,000 certificates of one issuer by their serial numbers."""

from __future__ import annotations

import asyncio
from array import array
from typing import Final

import orjson
from aiohttp import web

from platform_api.db.transactions import tenant
from platform_api.institutions.model import Entitlement, Principal
from platform_api.keys import AUTHORITIES, CLOCK, POOL, STORE, TAGGER
from platform_api.operations import Written, operation, principal_of
from platform_api.problems import forbidden, language_of
from platform_api.registrations import store as registrations
from platform_api.status._columns import columns
from platform_api.status.batch_bodies import (
    COLUMNS,
    MAX_BODY,
    BatchAsked,
    BatchCheckRequest,
    BatchCheckResponse,
    read_batch,
)
from platform_api.status.issuers import issuer_of
from platform_api.status.permissions import require_purpose
from platform_api.status.wire import status_body
from revocation.identity import CertificateIdentity
from revocation.statuses import Statuses, serial_at, serial_count

#: What is done between two turns of the event loop: less than a millisecond of work.
_GROUPS_AT_ONCE: Final = 25
_TAGGED_AT_ONCE: Final = 200
_COLUMNS: Final = orjson.dumps(COLUMNS)
_turn: Final = asyncio.sleep
#: Of an item, not of an answer that several have.
_ITS_OWN: Final = {"reason_code", "reason", "revoked_at", "previously_revoked"}


@operation(
    "POST",
    "/v1/certificates:batchCheck",
    operation_id="batch_check_certificates",
    request=BatchCheckRequest,
    response=BatchCheckResponse,
    scope="status:check",
    max_body=MAX_BODY,
    reads=read_batch,
    remembers_caller=True,
    summary_en="Status of up to 10,000 certificates of one issuer by their serial numbers",
    summary_ja="同じ発行者の証明書の失効確認(発行の番号で最大10,000件まで一括指定)",
)
async def batch_check_certificates(request: web.Request, asked: BatchAsked) -> Written:
    principal = principal_of(request)
    body = asked.body
    require_purpose(principal, body.purpose)
    if principal.entitlement == Entitlement.PRESENTED:
        raise forbidden("entitlement:any")
    issuer = issuer_of(body, principal, request.config_dict[AUTHORITIES])
    left_out = b""
    if principal.entitlement != Entitlement.ANY:
        left_out = await _not_registered(request, principal, issuer, asked.serials)
    language = language_of(request.headers.get("Accept-Language", ""))
    return Written(await _answered(request, issuer, asked, left_out, language))


async def _not_registered(
    request: web.Request, principal: Principal, issuer: tuple[str, bytes], serials: array[int]
) -> bytes:
    """1 for each that the institution has not registered: as if there were none, as with a single one."""
    app = request.config_dict
    count = serial_count(serials)
    found = bytearray()
    async with tenant(app[POOL], principal.institution_id) as connection:
        for first in range(0, count, _TAGGED_AT_ONCE):
            tags = [
                [tag.value for tag in app[TAGGER].tags(CertificateIdentity(*issuer, serial_at(serials, at)))]
                for at in range(first, min(first + _TAGGED_AT_ONCE, count))
            ]
            known = await registrations.are_registered(connection, tags)
            found += bytes(not registered for registered in known)
    return bytes(found)


async def _answered(
    request: web.Request, issuer: tuple[str, bytes], asked: BatchAsked, left_out: bytes, language: str
) -> bytes:
    """The whole answer, by the set that answers when it is done: none is older than one already given."""
    app = request.config_dict
    while True:
        snapshot, authority = app[STORE].current(), app[AUTHORITIES].by_id(issuer[0])
        statuses = Statuses(
            *issuer,
            asked.serials,
            authorities=app[AUTHORITIES],
            snapshot=snapshot,
            now=app[CLOCK].now(),
            max_age_s=asked.body.max_age_s,
            left_out=left_out,
        )
        octets = await _written(statuses, issuer, language)
        if app[STORE].current() is snapshot and app[AUTHORITIES].by_id(issuer[0]) is authority:
            return octets


async def _written(statuses: Statuses, issuer: tuple[str, bytes], language: str) -> bytes:
    """``BatchCheckResponse`` in JSON."""
    count = len(statuses.kinds)
    answers: dict[bytes, int] = {}
    words: list[bytes] = [b'"NOT_FOUND"'] * count
    rows: list[bytes | None] = [b",null,null,null,null"] * count
    listed = [statuses.listed(group) for group in range(count)]
    # What no list names comes first: nearly everything, and then it has no rows.
    for done, group in enumerate(sorted(range(count), key=statuses.usual, reverse=True), 1):
        if not statuses.left_out(group):
            found = statuses.of_group(group)
            number = answers.setdefault(
                status_body(found, language).model_dump_json(exclude=_ITS_OWN).encode(), len(answers)
            )
            words[group] = b'"%b"' % found.status.value.encode("ascii")
            if listed[group]:
                rows[group] = b",%d" % number
            else:
                rows[group] = None if number == 0 else b",%d,null,null,null" % number
        if done % _GROUPS_AT_ONCE == 0:
            await _turn(0)
    before = b'{"ca_id":%b,"issuer_key":"%b","answers":[%b],"columns":%b,"statuses":' % (
        orjson.dumps(issuer[0]),
        issuer[1].hex().encode("ascii"),
        b",".join(answers),
        _COLUMNS,
    )
    return columns(before, statuses.groups, statuses.reasons, statuses.dates, words, rows, listed)

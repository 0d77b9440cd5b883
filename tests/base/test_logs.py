"""T54: personal data reaches no log, no metric and no answer, on any path that an exception can take."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import orjson
import pytest

from platform_api.db.embedded import EmbeddedPostgres
from platform_api.log_fields import EVENTS, FIELDS
from platform_api.logs import Dropped, LibraryMessages, failure, make_log
from revocation.clock import FixedClock
from tests.base import sample_operations
from tests.base.application import RunningApp, running, settings_for
from tests.base.postgres import TestDatabase, TestInstitution

NAME = "山田太郎一郎丸"
SERIAL = "0badcafe15ca"
BIRTHDAY = "19850203"
CANARY = f"{NAME} {SERIAL} {BIRTHDAY}"

WAYS = (
    "unique",
    "check",
    "not_null",
    "type",
    "syntax",
    "division",
    "statement_timeout",
    "data_error",
    "validation",
    "validation_own",
    "value",
    "chained",
    "timeout",
    "input",
    "own",
    "http",
)


def _assert_clean(text: str) -> None:
    for secret in (NAME, SERIAL, BIRTHDAY, NAME.encode().hex(), NAME.encode("unicode_escape").decode()):
        assert secret not in text, f"a canary came out: {text[:400]}"


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application with an operation that fails as it is told."""
    async with running(await settings_for(database, tmp_path), sample_operations) as started:
        yield started


async def test_no_exception_path_lets_personal_data_out(
    service: RunningApp, cluster: EmbeddedPostgres, institution: TestInstitution
) -> None:
    """Each kind of failure, with the canary in its text: clean answers, log, metrics and server log."""
    for how in WAYS:
        response = await service.client.post(
            "/test/raise", json={"how": how, "canary": CANARY}, headers=institution.headers
        )
        assert response.status >= 400, how
        assert response.content_type == "application/problem+json"
        _assert_clean(await response.text() + str(response.headers))
    await service.client.get(
        f"/{NAME}/{SERIAL}?{NAME}={SERIAL}", headers={"X-Name": SERIAL, "Referer": SERIAL}
    )
    await service.client.post("/test/echo", json={NAME: SERIAL, "name": NAME * 30})
    _assert_clean(service.log.getvalue())
    _assert_clean(await (await service.client.get("/metrics")).text())
    _assert_clean(cluster.folder.log.read_text())
    failed = [event for event in service.events() if event["event"] == "request.failed"]
    assert {"UndefinedTableError", "CheckViolationError"} & {str(event["error_type"]) for event in failed}
    assert all("raised_at" in event for event in failed)
    assert service.dropped.count == 0


async def test_the_server_never_logs_parameters(database: TestDatabase) -> None:
    """Settings that keep statements and parameters out of PostgreSQL's log are in force."""
    expected = {
        "log_parameter_max_length_on_error": "0",
        "log_parameter_max_length": "0",
        "log_statement": "none",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_min_messages": "log",
    }
    async with database.app_pool.acquire() as connection:
        for name, value in expected.items():
            assert await connection.fetchval("SELECT current_setting($1)", name) == value


def test_only_declared_events_and_fields_pass() -> None:
    """An unknown event is dropped whole, an undeclared or misshapen field is dropped; both are counted."""
    stream, dropped = io.StringIO(), Dropped()
    log = make_log(stream, clock=FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), dropped=dropped)
    log.info(CANARY)
    log.info("customer.moved", name=NAME)
    log.info("request.done", status=200, name=NAME, route=f"/x/{NAME}", code=BIRTHDAY, key_id=str(uuid4()))
    log.info("snapshot.adopted", set_seq=SERIAL, n=True)
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert lines == [
        {"at": "2026-01-01T00:00:00.000Z", "level": "info", "event": "request.done", "status": 200},
        {"at": "2026-01-01T00:00:00.000Z", "level": "info", "event": "snapshot.adopted"},
    ]
    assert dropped.count == 2 + 4 + 2


def test_no_field_can_hold_a_canary() -> None:
    """Whatever field a name, a serial number or a birthday is put into, its shape refuses it."""
    for event, fields in EVENTS.items():
        for field in fields:
            for value in (
                NAME,
                SERIAL,
                BIRTHDAY,
                f"{NAME}.py:1",
                "Taro Yamada",
                "東京都",
                SERIAL.upper() + " ",
            ):
                assert not FIELDS[field](value), (event, field, value)


def test_every_field_of_every_event_has_a_shape() -> None:
    """The two tables fit together."""
    assert {field for fields in EVENTS.values() for field in fields} <= FIELDS.keys()


def test_a_database_error_is_told_by_type_state_and_constraint() -> None:
    """What remains of an asyncpg error is its class, SQLSTATE and constraint name."""
    error = asyncpg.UniqueViolationError(f"duplicate {NAME}")
    error.detail = f"Key (name)=({NAME}) already exists."
    error.constraint_name = "api_key_key_hash_key"
    told = failure(error)
    assert told == {
        "error_type": "UniqueViolationError",
        "sqlstate": "23505",
        "constraint": "api_key_key_hash_key",
    }


def test_libraries_may_say_who_they_are_and_no_more() -> None:
    """A message of a library is reduced to its logger and error type; malformed requests are only counted."""
    from aiohttp.http_exceptions import BadStatusLine

    stream, malformed = io.StringIO(), []
    handler = LibraryMessages(make_log(stream), lambda: malformed.append(1))
    for name, error in (
        ("some.library", ValueError(CANARY)),
        ("aiohttp.server", BadStatusLine(CANARY)),
        ("aiohttp.server", RuntimeError(CANARY)),
    ):
        handler.emit(
            logging.LogRecord(name, logging.ERROR, __file__, 1, CANARY, (), (type(error), error, None))
        )
    _assert_clean(stream.getvalue())
    events = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert [(event["logger"], event["error_type"]) for event in events] == [
        ("some.library", "ValueError"),
        ("aiohttp.server", "RuntimeError"),
    ]
    assert malformed == [1]

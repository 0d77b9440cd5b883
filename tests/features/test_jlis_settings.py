"""What is assumed of J-LIS in one place: settings, open questions, codes, commands, doctor, metrics, log."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import date, timedelta
from uuid import UUID

import orjson
import pytest
from aiohttp import web

from platform_api import idempotency
from platform_api.config import Settings, load_settings
from platform_api.four_information.batch import DEADLINE_S
from platform_api.jlis.calls import Kind
from platform_api.jlis.error_codes import MEANINGS, THEIR_CODES, Reaction, ours
from platform_api.jlis.fields import LONGEST_CALL_S, JlisFields
from platform_api.jlis.gateway import GatewayRefused
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.observing import Observing
from platform_api.jlis.open_questions import QUESTIONS, question_of
from platform_api.jlis.opening import for_batches, open_gateway
from platform_api.jlis.settings import GatewaySettings
from platform_api.logs import Dropped, make_log
from platform_api.metrics import Metrics
from platform_api.refresh.asking import CONCURRENCY
from platform_api.refresh.model import LEASE, LONGEST_QUESTION
from platform_api.workers.order import Order, handed_settings
from revocation.clock import FixedClock, SystemClock
from revocation.errors import OutsideFailed
from tests.features import chaos_jlis
from tests.features.chaos_jlis import chaos
from tests.features.gateways import FakeJlis
from tests.features.test_jlis_hours import NIGHT, jst
from tests.features.test_jlis_http import DATA, QUERY, jlis, says

pytestmark = pytest.mark.timeout(60)


def test_every_setting_of_j_lis_has_its_question() -> None:
    """Each stands in one question; a name in a question is a setting; questions are in two languages."""
    named = [name for one in QUESTIONS for name in one.settings]
    assert len(named) == len(set(named))
    assert set(JlisFields.model_fields) <= set(named)
    assert set(named) <= set(Settings.model_fields)
    for one in QUESTIONS:
        assert one.settings or one.settled_in
        assert one.en.endswith("?")
        assert any(unicodedata.name(character, "").startswith("CJK") for character in one.ja)
    assert {one.number for one in QUESTIONS} >= set(range(1, 11))
    question = question_of("jlis_resubmit")
    assert question is not None
    assert question.number == 6


def test_no_call_outlives_the_lease_under_which_it_is_made() -> None:
    """The longest time that can be set: a batch of the API, and a round of the refresh on a single line, end
    before somebody else may ask the same."""
    longest = timedelta(seconds=LONGEST_CALL_S)
    storing = timedelta(seconds=30)
    assert timedelta(seconds=DEADLINE_S) + longest + storing < idempotency.LEASE
    assert CONCURRENCY * longest <= LONGEST_QUESTION
    assert LONGEST_QUESTION + storing < LEASE
    Settings(mode="sandbox", jlis_call_timeout_s=LONGEST_CALL_S)
    with pytest.raises(ValueError, match="less than or equal to 60"):
        Settings(mode="sandbox", jlis_call_timeout_s=LONGEST_CALL_S + 1)


def test_every_code_is_explained_in_two_languages() -> None:
    """Ours are a closed set; each of theirs is one of ours that J-LIS itself can cause."""
    for code, meaning in MEANINGS.items():
        assert code.startswith("JLIS_")
        assert meaning.en.isascii()
        assert meaning.en.endswith(".")
        assert meaning.ja.endswith("。")
    assert set(THEIR_CODES.values()) <= set(MEANINGS)
    assert MEANINGS[ours("X9", {})].reaction is Reaction.REFUSED


@pytest.mark.parametrize("theirs", [*THEIR_CODES, "X9", ""])
async def test_each_code_of_theirs_by_the_table(theirs: str) -> None:
    """In a 4xx: refused once, or asked again a few times, or left for later; never "again for ever"."""
    reaction = MEANINGS[ours(theirs, {})].reaction if theirs else Reaction.LATER
    wanted = GatewayRefused if reaction is Reaction.REFUSED else OutsideFailed
    async with jlis(says({"code": theirs, "message": "x"}, 422), retry_wait_s=0.01) as (gateway, seen):
        with pytest.raises(wanted) as failed:
            await gateway.query_four_information(QUERY)
    assert failed.value.code == (ours(theirs, {}) if theirs else "JLIS_STATUS")
    assert len(seen) == (3 if reaction is Reaction.AGAIN else 1)


async def test_a_code_can_be_added_by_a_setting() -> None:
    """``jlis_error_codes`` counts before the table."""
    codes = {"E0123": "JLIS_CONSENT_WITHDRAWN", "BUSY": "JLIS_CLOSED_BY_J_LIS"}
    for theirs, code in codes.items():
        async with jlis(says({"code": theirs}, 409), error_codes=codes) as (gateway, seen):
            with pytest.raises((OutsideFailed, GatewayRefused), match=f"{code}:"):
                await gateway.query_four_information(QUERY)
        assert len(seen) == 1


async def test_what_is_not_in_j_lis_words_is_no_refusal() -> None:
    """A 404 with a body that is called JSON and is none, or has no code: nothing is known."""
    for body in (b"gone", b"[]", b'{"code": 7}', b""):
        answer = web.Response(body=body, status=404, content_type="application/json")
        async with jlis(lambda _, found=answer: found) as (gateway, seen):
            with pytest.raises(OutsideFailed, match="JLIS_STATUS"):
                await gateway.query_four_information(QUERY)
        assert len(seen) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_refusal_in_a_server_error_is_no_refusal(status: int) -> None:
    """A server in trouble is not believed to have decided anything, whatever its body says."""
    async with jlis(says({"code": "SIGNATURE_INVALID"}, status), retry_wait_s=0.01) as (gateway, seen):
        with pytest.raises(OutsideFailed, match="JLIS_STATUS"):
            await gateway.query_four_information(QUERY)
    assert len(seen) == 3


async def test_answers_about_something_else_are_none() -> None:
    """The state of another consent, and a page that says "more" and stays where it is, are refused."""
    reflection = {
        "consent_ref": "other",
        "received_at": "2026-11-20T01:00:00Z",
        "reflected_at": None,
        "valid_from": None,
        "valid_until": None,
        "items": [],
    }
    async with jlis(says(reflection)) as (gateway, _):
        assert (await gateway.consent_state("other")).reflected_at is None
        with pytest.raises(OutsideFailed, match="JLIS_ANSWER_MALFORMED"):
            await gateway.consent_state("mine")
    page = {"withdrawals": [], "cursor": "7", "as_of": "2026-11-20T01:00:00Z", "more": True}
    async with jlis(says(page)) as (gateway, seen):
        assert (await gateway.poll_withdrawals("p-1", "6")).more
        assert seen[0][2] == {"provider_code": "p-1", "cursor": "6", "limit": 1000}
        with pytest.raises(OutsideFailed, match="JLIS_ANSWER_MALFORMED"):
            await gateway.poll_withdrawals("p-1", "7")


async def test_media_types_are_exact() -> None:
    """JSON that is called something else, or is packed, is no answer."""
    body = json.dumps(DATA).encode()
    for response in (
        web.Response(body=body, content_type="text/html"),
        web.Response(body=body),
        web.Response(body=body, content_type="application/json", headers={"Content-Encoding": "gzip"}),
    ):
        async with jlis(lambda _, found=response: found) as (gateway, seen):
            with pytest.raises(OutsideFailed, match="JLIS_CONTENT_TYPE"):
                await gateway.query_four_information(QUERY)
        assert len(seen) == 1


def test_a_worker_gets_the_settings_whole() -> None:
    """Through the pipe, sets and ids among them; the most that may be set is less than a pipe holds."""
    codes = sorted(MEANINGS, key=len)
    at = "2026-12-05T22:00:00.000000+09:00/2026-12-06T06:00:00.000000+09:00"
    settings = load_settings(
        jlis_url="http://127.0.0.1:9",
        jlis_closed_weekdays={"sun", "sat"},
        jlis_closed_days={date(2027, 1, 1) + timedelta(days=day) for day in range(400)},
        jlis_maintenance=(at,) * 100,
        jlis_open_always={Kind.LISTS, Kind.OCSP},
        jlis_provider_codes={UUID(int=number): f"P{number:063}" for number in range(200)},
        jlis_error_codes={f"E{number:063}": codes[-1] for number in range(200)},
    )
    pipe = io.BytesIO()
    Order(given=settings.model_dump(), index=0, supervisor=1, shared=2, listener=3, control=4).write(pipe)
    assert len(pipe.getvalue()) < 65_536
    pipe.seek(0)
    assert handed_settings(Order.read(pipe).given).model_dump() == settings.model_dump()


async def test_one_function_opens_it() -> None:
    """By the settings; batches get their share of the same line; a fake is its own batch gateway."""
    async with chaos(DATA) as here, open_gateway(JlisFields(jlis_url=here.url), SystemClock()) as gateway:
        batches = for_batches(gateway)
        assert batches is not gateway
        for one in (gateway, batches):
            assert (await one.query_four_information(QUERY)).items is not None
    fake = FakeJlis(SystemClock())
    assert for_batches(fake) is fake


async def test_metrics_and_log_hold_codes_only() -> None:
    """Calls by outcome, seconds, the breaker, the hours; and in the log the code, the call and the time."""
    metrics, written, dropped = Metrics(), io.StringIO(), Dropped()
    observer = Observing(make_log(written, dropped=dropped), metrics)
    clock = FixedClock(jst(4, 12))
    fields = JlisFields(jlis_daily_closure="23:00-06:00")
    metrics.follow_jlis(fields, clock)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    call = {"call": "query_four_information"}
    async with chaos(DATA, *[chaos_jlis.half] * 2) as here:
        made = GatewaySettings(here.url, attempts=1, failures=2, hours=NIGHT)
        now = [0.0]
        async with HttpGateway(made, clock, observer=observer, monotonic=lambda: now[0]) as gateway:
            assert value("jpki_jlis_paused", kind="four_information") == 0
            for code in ("JLIS_UNREACHABLE", "JLIS_UNREACHABLE", "JLIS_PAUSED"):
                with pytest.raises(OutsideFailed, match=code):
                    await gateway.query_four_information(QUERY)
            assert value("jpki_jlis_paused", kind="four_information") == 1
            assert value("jpki_jlis_paused", kind="ocsp") == 0
            now[0] = 60.0
            await gateway.query_four_information(QUERY)
            assert value("jpki_jlis_paused", kind="four_information") == 0
            assert value("jpki_jlis_open", kind="four_information") == 1
            clock.set(jst(4, 23))
            with pytest.raises(OutsideFailed, match="JLIS_CLOSED"):
                await gateway.query_four_information(QUERY)
            assert value("jpki_jlis_open", kind="four_information") == 0
            assert value("jpki_jlis_open", kind="lists") == 1
    counted = {"OK": 1, "JLIS_UNREACHABLE": 2, "JLIS_PAUSED": 1, "JLIS_CLOSED": 1}
    for outcome, count in counted.items():
        assert value("jpki_jlis_calls_total", **call, outcome=outcome) == count
    assert value("jpki_jlis_call_seconds_count", **call) == 5
    told = [orjson.loads(line) for line in written.getvalue().splitlines()]
    # The second failure opens the breaker before its caller is told.
    assert [one["event"] for one in told] == ["jlis.failed", "jlis.paused", "jlis.failed", "jlis.resumed"]
    assert dropped.count == 0
    everything = written.getvalue() + metrics.render().decode()
    assert not any(secret in everything for secret in ("黒桐", "bfc", "svc-1"))

"""OpenSSL's words: only a verified answer without a warning counts as agreed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from platform_api.demo.lifelog import GOOD, ON_HOLD, REVOKED, CertificateKey, LifeLog
from platform_api.demo.openssl_check import NEVER_ISSUED, Question, agrees, choose
from platform_api.demo.truth import CarriedList, PublishedSet
from platform_api.sandbox.municipalities import BY_CODE
from tests.sandbox.worlds import DAY, NOW, all_lists, life_of, open_world

KEY = CertificateKey("aa", "1f")
GOOD_TEXT = "Response verify OK\n0x1f: good\n\tThis Update: Nov 22 21:00:00 2026 GMT\n"
HOLD_TEXT = "Response verify OK\n0x1f: revoked\n\tReason: certificateHold\n"


def test_a_clean_answer_agrees() -> None:
    """Verified, expected status, exit code 0: agreed."""
    assert agrees(Question(KEY, GOOD), 0, GOOD_TEXT)
    assert agrees(Question(KEY, ON_HOLD), 0, HOLD_TEXT)


@pytest.mark.parametrize(
    ("question", "exit_code", "text"),
    [
        (Question(KEY, REVOKED), 0, GOOD_TEXT),
        (Question(KEY, REVOKED), 0, HOLD_TEXT),
        (Question(KEY, ON_HOLD), 0, HOLD_TEXT.replace("certificateHold", "superseded")),
        (Question(KEY, GOOD), 1, GOOD_TEXT),
        (Question(KEY, GOOD), 0, "WARNING: no nonce in response\n" + GOOD_TEXT),
        (Question(KEY, GOOD), 0, GOOD_TEXT + "0x1f: WARNING: Status times invalid.\n"),
        (Question(KEY, GOOD), 0, GOOD_TEXT.replace("Response verify OK", "Response Verify Failure")),
        (Question(KEY, GOOD), 0, "Responder Error: trylater (3)\n"),
        (Question(KEY, NEVER_ISSUED), 0, GOOD_TEXT),
        (Question(KEY, GOOD), -1, ""),
    ],
)
def test_anything_else_does_not_agree(question: Question, exit_code: int, text: str) -> None:
    """Another status, another reason, a warning, an error, a failed verification, a timeout."""
    assert not agrees(question, exit_code, text)


def test_every_kind_is_asked() -> None:
    """The choice holds both generations, revoked, on hold, good and one serial above the ceiling."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    stamp = (at - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    keys = [CertificateKey(issuer, format(n, "x")) for issuer in ("aa", "bb") for n in range(1, 60)]
    entries = [
        {
            "seq": n, "at": stamp, "day": 0, "resident_id": f"r{n}", "event": "x",
            "issued": None, "items": None,
            "revoked": [{
                "ca_id": "c", "issuer_key": key.issuer_key, "serial_number": key.serial_number,
                "partition": "1", "reason_code": 6 if n % 5 == 0 else 3, "revoked_at": stamp,
            }],
        }
        for n, key in enumerate(keys) if n % 2
    ]  # fmt: skip
    chosen = choose(
        LifeLog(entries), [k for n, k in enumerate(keys) if n % 2 == 0],
        last=PublishedSet(1, at), seed=1, ceiling=0xFFFF, issuer_keys=["aa", "bb"],
    )  # fmt: skip
    kinds = [q.expected for q in chosen]
    assert len(chosen) >= 20
    assert {q.key.issuer_key for q in chosen} == {"aa", "bb"}
    assert kinds.count(REVOKED) >= 5
    assert kinds.count(ON_HOLD) >= 1
    assert kinds.count(NEVER_ISSUED) == 1
    assert all(int(q.key.serial_number, 16) > 0xFFFF for q in chosen if q.expected == NEVER_ISSUED)


def test_whichever_list_is_carried_over_what_is_expected_is_what_the_lists_say(tmp_path: Path) -> None:
    """Each list of the last day in turn is the one that is missing: every expected answer is what the day's
    lists say, and of that one the day before's."""
    world = open_world(tmp_path, seed=4, residents=200)
    before = NOW - DAY
    world.play(before)
    old = all_lists(world)
    world.play(NOW)
    new = all_lists(world)
    log = LifeLog(life_of(world))
    issuers = [generation.key_id for generation in world.authority.generations]
    register, _ = world.begun()
    people = [resident.resident_id for resident in register.residents.values()]
    world.close()
    valid = [key for one in people if (key := log.newest_certificate(one, NOW)) is not None]
    said_late = 0
    for issuer, code in new:
        if issuer not in issuers:
            continue
        last = PublishedSet(2, NOW, (CarriedList(issuer, BY_CODE[code].partition, before),))
        listed = said_by({**new, (issuer, code): old[issuer, code]}, issuers)
        for question in choose(log, valid, last=last, seed=4, ceiling=0xFFFFFF, issuer_keys=issuers):
            expected = listed.get(question.key, GOOD)
            assert question.expected in {expected, NEVER_ISSUED}
        said_late += len(said_by(new, issuers)) - len(listed)
    assert said_late > 0, "somebody's certificate was revoked on the last day"


def said_by(lists: dict[tuple[str, str], bytes], issuers: list[str]) -> dict[CertificateKey, str]:
    """What the signed lists say of each certificate that they list."""
    hold = x509.CRLReason(x509.ReasonFlags.certificate_hold)
    return {
        CertificateKey(issuer, f"{entry.serial_number:x}"): ON_HOLD
        if entry.extensions.get_extension_for_class(x509.CRLReason).value == hold
        else REVOKED
        for (issuer, _), der in lists.items()
        if issuer in issuers
        for entry in x509.load_der_x509_crl(der)
    }

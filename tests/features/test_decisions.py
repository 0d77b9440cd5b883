"""The decision table: code → cause → action, and which changes of the lists are news."""

from __future__ import annotations

import pytest

from platform_api.changes.model import (
    DECISIONS,
    Action,
    Cause,
    Condition,
    Transition,
    condition_after,
    decide,
    decision_for,
    detects,
)
from platform_api.registrations.model import first_look
from revocation.status import CertificateStatus, Status, UnknownReason

N, H, R = Condition.NOT_LISTED, Condition.ON_HOLD, Condition.REVOKED


@pytest.mark.parametrize(
    ("code", "cause", "action"),
    [
        (0, "UNSPECIFIED", "INVESTIGATE"),
        (1, "KEY_COMPROMISED", "BLOCK_AND_REVIEW"),
        (2, "CA_INCIDENT", "STOP_AND_REVERIFY"),
        (3, "CONTENT_CHANGED", "FETCH_FOUR_INFORMATION"),
        (4, "RENEWED", "OBTAIN_CERTIFICATE_AT_NEXT_LOGIN"),
        (5, "ENDED_CAUSE_UNKNOWN", "CONTACT_CUSTOMER"),
        (6, "HOLD", "SUSPEND"),
        *[(code, "UNSPECIFIED", "INVESTIGATE") for code in (7, 8, 9, 10, 11, 99, 254, 255)],
    ],
)
def test_every_code_has_a_cause(code: int, cause: str, action: str) -> None:
    """Known codes by the table, every other octet UNSPECIFIED and still a revocation."""
    found = decision_for(code, "card-sign")
    assert (found.cause.value, found.action.value) == (cause, action)
    assert found.transition is (Transition.ON_HOLD if code == 6 else Transition.REVOKED)


def test_no_cause_speaks_of_death() -> None:
    """The closed sets of causes and actions have no word for it."""
    words = " ".join([*Cause, *Action]).lower()
    assert not any(word in words for word in ("death", "dead", "deceased"))


def test_authentication_certificates_detect_no_move() -> None:
    """CONTENT_CHANGED is neither promised nor ever decided for them."""
    for kind in ("card-auth", "mobile-auth"):
        assert Cause.CONTENT_CHANGED not in detects(kind)
        assert all(decision_for(code, kind).cause is not Cause.CONTENT_CHANGED for code in range(256))
    assert Cause.CONTENT_CHANGED in detects("mobile-sign")


@pytest.mark.parametrize(
    ("before", "change", "reason", "transition"),
    [
        (N, "added", 3, "REVOKED"),
        (N, "added", 6, "ON_HOLD"),
        (N, "added", 255, "REVOKED"),
        (N, "reason_changed", 1, "REVOKED"),
        (N, "released", None, None),
        (N, "gone", 3, None),
        (H, "reason_changed", 1, "REVOKED"),
        (H, "added", 6, None),
        (H, "released", None, "RELEASED"),
        (H, "gone", 6, None),
        (R, "added", 3, None),
        (R, "reason_changed", 1, None),
        (R, "reason_changed", 6, None),
        (R, "released", None, None),
        (R, "gone", 3, None),
    ],
)
def test_what_is_news(before: Condition, change: str, reason: int | None, transition: str | None) -> None:
    """Only a change of condition; what is REVOKED stays so, whatever the list says later."""
    found = decide(before, change, reason, "card-sign")
    assert (None if found is None else found.transition.value) == transition


def test_states_follow_conditions() -> None:
    """A decision's transition leads to a condition in which the same change is no news any more."""
    for decision in DECISIONS.values():
        after = condition_after(decision.transition)
        assert decide(after, "added", 6 if after is H else 3, "card-sign") is None


@pytest.mark.parametrize(
    ("status", "condition", "state", "event"),
    [
        (CertificateStatus(Status.GOOD, None), N, "WATCHED", False),
        (CertificateStatus(Status.REVOKED, None, reason=3), R, "CHANGED_AWAITING_REISSUE", True),
        (CertificateStatus(Status.ON_HOLD, None, reason=6), H, "ON_HOLD", True),
        (CertificateStatus(Status.EXPIRED, None), N, "EXPIRED_AWAITING_RENEWAL", False),
        (CertificateStatus(Status.EXPIRED, None, reason=5), R, "EXPIRED_AWAITING_RENEWAL", True),
        (CertificateStatus(Status.UNKNOWN, None, UnknownReason.STALE, reason=6), H, "ON_HOLD", True),
        (CertificateStatus(Status.UNKNOWN, None, UnknownReason.STALE), N, "WATCHED", False),
        (CertificateStatus(Status.UNKNOWN, None, UnknownReason.NO_CRL), N, "WATCHED", False),
    ],
)
def test_first_look(status: CertificateStatus, condition: Condition, state: str, event: bool) -> None:
    """What the set lists counts from the first moment, also when the lists are stale."""
    look = first_look(status, "card-sign")
    assert (look.condition, look.state.value, look.decision is not None) == (condition, state, event)

"""Invitations, pure: which state follows which, and what the clock ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from platform_api.institutions.api_keys import KeyHasher
from platform_api.invitations.explanation import (
    NUMBERS,
    REQUIRED,
    TEMPLATE,
    Explanation,
    missing,
    own_version,
)
from platform_api.invitations.letter_guard import LetterGuard
from platform_api.invitations.model import (
    CONFIRM_WITHIN,
    DELIVERY_KEEP,
    FINAL,
    SIGNED_STATES,
    Act,
    Invitation,
    InvitationState,
    after,
)
from platform_api.invitations.tokens import FORM_LIVES, LetterHashes, new_token, well_formed

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
HASHES = LetterHashes(KeyHasher(bytes(32)))


def invitation(**changes: object) -> Invitation:
    made = Invitation(
        invitation_id=UUID(int=1),
        institution_id=UUID(int=2),
        service_id=UUID(int=3),
        key_id=UUID(int=4),
        registration_id=None,
        registration_ref="a",
        customer_ref="c",
        application_number=UUID(int=5),
        language="ja",
        state=InvitationState.CREATED,
        created_at=NOW,
        expires_at=NOW + timedelta(days=30),
        opened_at=None,
        signed_at=None,
        confirm_by=None,
        ended_at=None,
        consent_id=None,
        delivery_id=None,
        certificate_hash=None,
        signed_hash=None,
        signer_taken_at=None,
    )
    return replace(made, **changes)


class Life(RuleBasedStateMachine):
    """Any acts in any order, and any time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.letter = invitation()
        self.signed = 0
        self.ended: InvitationState | None = None

    @initialize()
    def begin(self) -> None:
        self.letter = invitation()

    @rule(act=st.sampled_from([act for act in Act if act is not Act.EXPIRE]))
    def happens(self, act: Act) -> None:
        before = self.letter.state_at(self.now)
        target = self.letter.after(act, self.now)
        if target is None or (act is Act.LOSE_SIGNER and not self.letter.untaken):
            return
        changes: dict[str, object] = {"state": target}
        if act is Act.LOSE_SIGNER or before is not self.letter.state:
            self.signed -= 1  # as if nobody had
        if act in (Act.SIGN, Act.SIGN_AS_HOLDER) and before is InvitationState.OPENED:
            self.signed += 1
        if target is InvitationState.PENDING:
            changes |= {"confirm_by": self.now + DELIVERY_KEEP, "signer_taken_at": None}
        self.letter = replace(self.letter, **changes)

    @rule()
    def the_institution_takes_it(self) -> None:
        if self.letter.untaken and not self.letter.due(self.now):
            later = self.now + CONFIRM_WITHIN
            self.letter = replace(self.letter, signer_taken_at=self.now, confirm_by=later)

    @rule(days=st.integers(0, 20))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def signed_at_most_once(self) -> None:
        assert self.signed <= 1

    @invariant()
    def an_end_is_an_end(self) -> None:
        state = self.letter.state_at(self.now)
        if self.ended is not None:
            assert state is self.ended
        elif state in FINAL:
            self.ended = state


TestLife = Life.TestCase


def test_nobody_signs_what_was_not_opened_or_has_ended() -> None:
    """Signing leads on from OPENED alone; from SIGNED only by the same holder's second try."""
    for state in InvitationState:
        assert (after(state, Act.SIGN) is not None) == (state is InvitationState.OPENED)
        assert (after(state, Act.SIGN_AS_HOLDER) is not None) == (
            state in (InvitationState.OPENED, InvitationState.SIGNED)
        )
        assert after(state, Act.CONFIRM) in (None, InvitationState.CONFIRMED)


def test_time_ends_what_waits() -> None:
    """To the second; a letter that waits for its institution has a time of its own."""
    made = invitation()
    assert made.state_at(made.expires_at - timedelta(seconds=1)) is InvitationState.CREATED
    assert made.state_at(made.expires_at) is InvitationState.EXPIRED
    pending = InvitationState.PENDING
    waiting = invitation(state=pending, confirm_by=NOW + timedelta(days=40), signer_taken_at=NOW)
    assert waiting.state_at(made.expires_at) is pending
    assert waiting.state_at(NOW + timedelta(days=40)) is InvitationState.EXPIRED
    untaken = invitation(state=pending, confirm_by=NOW + DELIVERY_KEEP)
    assert untaken.state_at(NOW + DELIVERY_KEEP) is InvitationState.OPENED
    assert untaken.state_at(made.expires_at) is InvitationState.EXPIRED
    for state in FINAL:
        assert invitation(state=state).state_at(NOW + timedelta(days=900)) is state
    assert InvitationState.EXPIRED not in SIGNED_STATES


def test_tokens_are_long_and_unlike() -> None:
    """192 random bits in 32 characters; only such a text is looked up."""
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    assert all(well_formed(token) for token in tokens)
    for text in ("", "a" * 31, "a" * 33, "a" * 31 + "!", "ä" * 32, "a" * 31 + "\n"):
        assert not well_formed(text)


@given(st.text(max_size=80))
def test_no_other_text_passes_for_a_form(text: str) -> None:
    """A form's proof is ours, for this invitation, and not old."""
    assert not HASHES.form_holds(UUID(int=1), text, NOW)


def test_a_form_is_of_its_invitation_and_time() -> None:
    """Of another invitation, too old, from the future, changed: refused."""
    form = HASHES.form(UUID(int=1), NOW)
    assert HASHES.form_holds(UUID(int=1), form, NOW + FORM_LIVES - timedelta(seconds=1))
    assert not HASHES.form_holds(UUID(int=1), form, NOW + FORM_LIVES)
    assert not HASHES.form_holds(UUID(int=1), form, NOW - timedelta(hours=1))
    assert not HASHES.form_holds(UUID(int=2), form, NOW)
    second, mac = form.split(".")
    assert not HASHES.form_holds(UUID(int=1), f"{int(second) + 1}.{mac}", NOW)


def test_a_person_is_recognised_at_one_service_only() -> None:
    """The tag of a pairwise id: equal at the same service, unlike at another, and nothing without the key."""
    assert HASHES.person(UUID(int=1), "p") == HASHES.person(UUID(int=1), "p")
    assert HASHES.person(UUID(int=1), "p") != HASHES.person(UUID(int=2), "p")
    assert LetterHashes(KeyHasher(bytes(31) + b"x")).person(UUID(int=1), "p") != HASHES.person(
        UUID(int=1), "p"
    )


def test_the_template_is_whole_in_both_languages() -> None:
    """15 explanations, the 11 required ones among them (jpki.md 4.2), also in English."""
    assert sorted(REQUIRED) == [1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 15]
    for clauses in (TEMPLATE.ja, TEMPLATE.en):
        assert clauses is not None
        assert tuple(clause.number for clause in clauses) == NUMBERS
        assert missing(clauses) == ()
    assert Explanation.from_stored(3, TEMPLATE.stored()) == replace(TEMPLATE, version=3)


@pytest.mark.parametrize(
    ("text", "version"),
    [("2026-05", 0), ("own-1", 1), ("own-999999", 999_999), ("own-0", None), ("own-01", None), ("x", None)],
)
def test_text_versions(text: str, version: int | None) -> None:
    """What stands under 文面版 names one text."""
    assert own_version(text) == version


def test_guesses_by_address_and_by_letter() -> None:
    """So many in a minute, refilled evenly; an IPv6 host is its /64; a local socket is one address."""
    at = [0.0]
    guard = LetterGuard(6, lambda: at[0])
    for _ in range(6):
        assert guard.may_try("2001:db8::1")
        guard.missed("2001:db8::1")
    assert not guard.may_try("2001:db8::ffff:1")
    assert guard.may_try("2001:db8:0:1::1")
    assert guard.may_try("::ffff:192.0.2.1")
    at[0] += 10
    assert guard.may_try("2001:db8::1")
    guard.missed("2001:db8::1")
    assert not guard.may_try("2001:db8::1")
    for _ in range(6):
        guard.missed(None)
    assert not guard.may_try(None)
    assert [guard.may_ask(b"letter") for _ in range(61)].count(True) == 60
    assert guard.may_ask(b"another letter")


def test_no_limit_by_address_where_a_proxy_has_one() -> None:
    """0: whoever is behind the proxy is not told apart here."""
    guard = LetterGuard(0)
    for _ in range(1000):
        guard.missed("192.0.2.1")
    assert guard.may_try("192.0.2.1")

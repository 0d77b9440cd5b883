"""Responder certificates that follow one another, as a state machine with a clock (faults.md, T09)."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from revocation.clock import FixedClock
from revocation.errors import InputRefused
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signer_expiry import ExpiryLevel
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner, Pair
from tests import pki
from tests.revocation.ocsp_world import cert_id, request
from tests.revocation.sets import DAY, T0, ca, every_list, store, world
from tests.revocation.signer_certificates import certificate

KEYS = [pki.key("p256", 60), pki.key("p256", 61), pki.key("p256", 62)]
TOLERANCE = timedelta(minutes=5)
MINUTES = st.integers(-60 * 24 * 3, 60 * 24 * 3).map(lambda minutes: timedelta(minutes=minutes))


class Rotation(RuleBasedStateMachine):
    """An operator adds certificates and restarts; time passes; clients ask. Dates are whole minutes."""

    @initialize(mode=st.sampled_from(TrustMode))
    def begin(self, mode: TrustMode) -> None:
        self.mode = mode
        self.clock = FixedClock(T0)
        self.authorities, authority = world()
        self.key_id = authority.generations[0].key_id
        self.folder = tempfile.TemporaryDirectory()
        lists = every_list(authority, this_update=T0 - 30 * DAY, lives=300 * DAY)
        self.snapshot = store(Path(self.folder.name)).publish(lists, self.authorities, now=T0)
        #: (first moment, last moment, pair) as configured; and those that run.
        self.configured: list[tuple[datetime, datetime, Pair]] = []
        self.running: list[tuple[datetime, datetime, Pair]] = []
        self.responder: Responder | None = None

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @precondition(lambda self: len(self.configured) < 5)
    @rule(start=MINUTES, life=st.sampled_from([timedelta(minutes=3), timedelta(hours=7), 2 * DAY, 40 * DAY]))
    def certify(self, start: timedelta, life: timedelta) -> None:
        """A new key, or one that was there before, with a certificate of other dates."""
        issuer = None if self.mode is TrustMode.LOCAL else ca().generations[0]
        key = KEYS[len(self.configured) % len(KEYS)]
        begins = self.clock.now() + start
        self.configured.append(
            (begins, begins + life, (certificate(key, issuer, start=begins, life=life), key))
        )

    @rule()
    def restart(self) -> None:
        """Begins exactly if some certificate is valid; otherwise what ran goes on running."""
        pairs = [pair for _, _, pair in self.configured]
        if not pairs:
            return
        signer = (
            LocallyTrustedSigner(*pairs[0], *pairs[1:])
            if self.mode is TrustMode.LOCAL
            else DelegatedSigners({self.key_id: pairs})
        )
        if not self.valid(self.configured):
            with pytest.raises(InputRefused, match="RESPONDER_CERTIFICATE_REFUSED"):
                Responder(self.authorities, {self.mode: signer}, self.clock)
            return
        self.responder = Responder(self.authorities, {self.mode: signer}, self.clock)
        self.running = list(self.configured)

    @rule(by=st.sampled_from([timedelta(minutes=1), TOLERANCE, timedelta(hours=1), DAY]) | MINUTES)
    def pass_time(self, by: timedelta) -> None:
        """Clocks are also set back."""
        self.clock.advance(by)

    def valid(self, among: list[tuple[datetime, datetime, Pair]]) -> list[tuple[datetime, datetime, Pair]]:
        now = self.clock.now()
        return [each for each in among if each[0] <= now < each[1]]

    @invariant()
    def the_right_one_signs(self) -> None:
        """Signed exactly while a certificate is valid and an answer could last; by one that is valid, and by
        none that just began or is just ending where another is neither; of those by the one begun last."""
        if not getattr(self, "responder", None):
            return
        assert self.responder is not None
        now = self.clock.now()
        answer = self.responder.respond(request(cert_id()), self.snapshot, self.mode)
        valid = self.valid(self.running)
        if not valid:
            assert answer.response_status == "try_later"
            return
        settled = [each for each in valid if each[0] + TOLERANCE <= now <= each[1] - TOLERANCE]
        last = max(each[0] for each in settled or valid)
        candidates = [each for each in settled or valid if each[0] == last]
        longest = max(each[1] for each in candidates)
        response = ocsp.load_der_ocsp_response(answer.der)
        signers = [pair for _, end, pair in candidates if end == longest]
        assert any(verifies(pair, response) for pair in signers)
        assert response.next_update_utc is not None
        assert now < response.next_update_utc <= longest

    @invariant()
    def the_alarm_is_the_last_ones(self) -> None:
        """Ended exactly when nothing that runs will ever sign again."""
        if not getattr(self, "responder", None):
            return
        assert self.responder is not None
        (told,) = self.responder.expiries()
        end = max(each[1] for each in self.running)
        assert told.not_after == end
        assert (told.level is ExpiryLevel.ENDED) == (end <= self.clock.now())


def verifies(pair: Pair, response: ocsp.OCSPResponse) -> bool:
    key = pair[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


Rotation.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestRotation = Rotation.TestCase

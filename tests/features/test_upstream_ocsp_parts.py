"""The parts of the upstream client by themselves: breaker, kept words, budgets, settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platform_api.breaker import Breaker, Passage, State
from platform_api.config import load_settings
from platform_api.faults import SetupRefused
from platform_api.upstream_ocsp.budget import Budgets
from platform_api.upstream_ocsp.kept_words import LONGEST, KeptWords
from platform_api.upstream_ocsp.settings import upstream_settings
from revocation.ocsp.upstream_word import CertStatus, UpstreamWord
from tests import pki
from tests.features.upstream import identity_of
from tests.revocation.forged_answers import NOW, delegate

FAILURES, PAUSE_S = 3, 30.0


class BreakerMachine(RuleBasedStateMachine):
    """A model in a few lines: failures in a row, when it opened, who probes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(failures=FAILURES, pause_s=PAUSE_S, monotonic=lambda: self.now)
        self.under_way: list[Passage] = []
        self.row = 0
        self.opened: float | None = None
        self.probe: Passage | None = None

    @rule(seconds=st.sampled_from([0.5, 10.0, 29.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_question(self) -> None:
        passage = self.breaker.enter()
        pausing = self.opened is not None and self.now - self.opened < PAUSE_S
        expected = not pausing and (self.opened is None or self.probe is None)
        assert (passage is not None) == expected
        if passage is not None:
            self.under_way.append(passage)
            if self.opened is not None:
                self.probe = passage

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), ended=st.sampled_from(["succeeded", "failed", "left"]))
    def it_ends(self, data: st.DataObject, ended: str) -> None:
        passage = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        getattr(self.breaker, ended)(passage)
        was_probe = passage is self.probe
        if ended == "succeeded":
            self.row, self.opened, self.probe = 0, None, None
        elif ended == "left":
            self.probe = None if was_probe else self.probe
        else:
            self.row += 1
            if was_probe or (self.opened is None and self.row >= FAILURES):
                self.opened, self.probe = self.now, None

    @invariant()
    def says_what_it_does(self) -> None:
        if self.opened is None:
            assert self.breaker.state is State.CLOSED
            assert self.row < FAILURES
        else:
            over = self.now - self.opened >= PAUSE_S
            assert self.breaker.state is (State.HALF_OPEN if over else State.OPEN)


TestBreakerMachine = BreakerMachine.TestCase


def test_a_late_failure_prolongs_no_pause() -> None:
    """Four were sent, three failed: the fourth's failure, much later, is no news."""
    now = [0.0]
    breaker = Breaker(failures=3, pause_s=30.0, monotonic=lambda: now[0])
    sent = [breaker.enter() for _ in range(4)]
    for passage in sent[:3]:
        assert passage is not None
        breaker.failed(passage)
    now[0] = 29.0
    assert sent[3] is not None
    breaker.failed(sent[3])
    now[0] = 30.0
    assert breaker.state is State.HALF_OPEN


def word(**changes: Any) -> UpstreamWord:
    given = {"next_update": None, "received_at": NOW} | changes
    return UpstreamWord(CertStatus.good, None, None, NOW, given["next_update"], NOW, given["received_at"])


def test_words_are_bounded_in_number_and_the_least_used_goes_first() -> None:
    """Three places: what was asked for again stays."""
    kept = KeptWords(most=3)
    names = [kept.name_of(identity_of(bytes([n]))) for n in range(1, 5)]
    for name in names[:3]:
        kept.keep(name, word(), valid_until=NOW + LONGEST)
    assert kept.find(names[0], NOW) is not None
    kept.keep(names[3], word(), valid_until=NOW + LONGEST)
    assert len(kept) == 3
    assert [kept.find(name, NOW) is not None for name in names] == [True, False, True, True]


@given(st.integers(-7200, 7200), st.integers(0, 7200), st.integers(-100, 7200))
def test_no_word_outlives_fifteen_minutes_nor_its_end(asked_s: int, longest_s: int, valid_s: int) -> None:
    """Whatever is set, and also where the clock goes back: it is given only between its taking in and the
    earliest of the three ends.
    """
    kept = KeptWords(most=2, longest=timedelta(seconds=longest_s))
    name = kept.name_of(identity_of())
    kept.keep(name, word(), valid_until=NOW + timedelta(seconds=valid_s))
    found = kept.find(name, NOW + timedelta(seconds=asked_s))
    assert (found is not None) == (0 <= asked_s < min(longest_s, 900, valid_s))
    assert len(kept) == (found is not None)


def test_names_tell_nothing_and_apart_what_differs() -> None:
    """Another process calls the same certificate otherwise; serial and issuer key both count."""
    kept, other = KeptWords(most=2), KeptWords(most=2)
    mine = kept.name_of(identity_of())
    assert mine == kept.name_of(identity_of())
    assert mine != other.name_of(identity_of())
    assert mine != kept.name_of(identity_of(generation=0))
    assert mine != kept.name_of(identity_of(b"\x00\xbf\xce"))
    assert identity_of().serial not in mine


def test_budgets_are_apart_and_forgotten_with_the_minute() -> None:
    """One institution's questions take none from another's; a request that has none left takes none."""
    now = [59.0]
    budgets = Budgets(per_request=2, per_minute=3, monotonic=lambda: now[0])
    one, two = UUID(int=1), UUID(int=2)
    first, second = budgets.for_request(one), budgets.for_request(one)
    assert [first.take() for _ in range(3)] == [True, True, False]
    assert [second.take() for _ in range(2)] == [True, False]
    assert budgets.for_request(two).take()
    now[0] = 60.0
    assert second.take()
    assert not second.take()
    assert not first.take()


# --- settings ---


def pem(folder: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def files(folder: Path) -> dict[str, Path]:
    private = pki.key("p256", 61)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = delegate(private).public_bytes(Encoding.PEM)
    other = delegate(pki.key("p256", 62)).public_bytes(Encoding.PEM)
    return {
        "key": pem(folder, "key.pem", secret),
        "shown_key": pem(folder, "shown.pem", secret, 0o644),
        "certificate": pem(folder, "certificate.pem", certificate),
        "other": pem(folder, "other.pem", other),
        "empty": pem(folder, "empty.pem", b""),
    }


URL = "http://ocsp.example/jpki"


def test_it_is_off_by_default(tmp_path: Path) -> None:
    """Without an address there is no client, whatever else is set."""
    assert upstream_settings(load_settings(data_dir=tmp_path, upstream_ocsp_nonce="require")) is None


def test_settings_become_what_the_client_works_with(tmp_path: Path) -> None:
    """Each switch arrives; addresses by CA go before the common one."""
    made = files(tmp_path)
    settings = upstream_settings(
        load_settings(
            data_dir=tmp_path,
            upstream_ocsp_url=URL,
            upstream_ocsp_urls={"card-auth": URL + "/auth"},
            upstream_ocsp_hash="sha256",
            upstream_ocsp_nonce="require",
            upstream_ocsp_method="get",
            upstream_ocsp_signer_key=made["key"],
            upstream_ocsp_signer_certificates=made["certificate"],
            upstream_ocsp_responder_certificate=made["other"],
            upstream_ocsp_max_age_s=60.0,
            upstream_ocsp_cache_s=0.0,
        )
    )
    assert settings is not None
    assert (settings.url_of("card-sign"), settings.url_of("card-auth")) == (URL, URL + "/auth")
    assert (settings.hash_name, settings.with_nonce, settings.prefer_get) == ("sha256", True, True)
    assert settings.rules.require_nonce
    assert settings.rules.max_age == timedelta(minutes=1)
    assert settings.rules.pinned == delegate_of(made["other"])
    assert settings.keep_for == timedelta(0)
    assert settings.signer is not None
    assert settings.signer.certificates == (delegate_of(made["certificate"]),)


def delegate_of(path: Path) -> Any:
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"upstream_ocsp_responder_certificate": "empty"}, "upstream_ocsp_responder_certificate"),
        ({"upstream_ocsp_responder_certificate": "missing"}, "upstream_ocsp_responder_certificate"),
        ({"signer_key": "key", "signer_certificates": "other"}, "upstream_ocsp_signer_certificates"),
        ({"signer_key": "certificate", "signer_certificates": "certificate"}, "upstream_ocsp_signer_key"),
        ({"signer_key": "shown_key", "signer_certificates": "certificate"}, "shown.pem"),
        ({"signer_key": "missing", "signer_certificates": "certificate"}, "missing"),
        ({"signer_key": "key"}, "upstream_ocsp_signer_certificates"),
    ],
)
def test_files_that_cannot_be_used_stop_the_start(tmp_path: Path, change: dict[str, str], named: str) -> None:
    """By the setting's or the file's name; a pin that cannot be read must not become "no pin"."""
    made = files(tmp_path) | {"missing": tmp_path / "missing"}
    given: dict[str, Any] = {
        name if name.startswith("upstream") else f"upstream_ocsp_{name}": made[file]
        for name, file in change.items()
    }
    with pytest.raises(SetupRefused, match=named):
        upstream_settings(load_settings(data_dir=tmp_path, upstream_ocsp_url=URL, **given))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upstream_ocsp_url", "ldap://x"),
        ("upstream_ocsp_urls", '{"Card Sign": "http://x"}'),
        ("upstream_ocsp_urls", '{"card-sign": "ftp://x"}'),
        ("upstream_ocsp_cache_s", "901"),
        ("upstream_ocsp_hash", "md5"),
        ("upstream_ocsp_budget", "0"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """From the environment; fifteen minutes are the most that a word may be kept."""
    monkeypatch.setenv(f"JPKI_{name.upper()}", value)
    with pytest.raises(SetupRefused, match=name):
        load_settings(data_dir=tmp_path)

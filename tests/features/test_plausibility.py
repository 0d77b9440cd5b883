"""Is this DATA answer the holder's newer signing certificate? Each rule, on both sides of its edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_api.certificates.birth_date import birth_date
from platform_api.certificates.four_items import FourInformation, TextItem
from platform_api.changes.model import Condition
from platform_api.four_information.plausibility import implausible, successor_kind
from platform_api.jlis.gateway import FourInformationAnswer, QueryOutcome, SuccessorCertificate
from platform_api.registrations.model import CURRENT, Watched, WatchedIdentity
from revocation.authorities import Authorities
from revocation.identity import CertificateIdentity
from revocation.status import Validity
from tests.features.cards import AUTH_POLICY, BIRTHDAY, SIGN_POLICY
from tests.features.gateways import canary
from tests.revocation import sets

ALL = ("name", "address", "date_of_birth", "gender")
NOW = sets.T0 + timedelta(hours=1)
#: A loaded machine is slow, and that is no fault of the code.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MOBILE_POLICY = "1.2.392.200149.8.5.1.1.40"


def _world(**settings: dict[str, str]) -> Authorities:
    authorities, _ = sets.world(kinds={SIGN_POLICY: "card-sign", AUTH_POLICY: "card-auth"} | settings)
    return authorities


def _asked(authorities: Authorities, *, ends: datetime = BIRTHDAY, kind: str = "card-sign") -> Watched:
    authority = next(iter(authorities))
    identity = CertificateIdentity(authority.ca_id, authority.generations[0].key_id, b"\x01")
    watched = WatchedIdentity(identity, Validity(sets.T0 - timedelta(days=100), ends), 1)
    return Watched(uuid4(), uuid4(), uuid4(), CURRENT, kind, Condition.REVOKED, 3, watched, 1, None)


def _answer(
    asked: Watched,
    items: FourInformation | None = None,
    *,
    ends: datetime = BIRTHDAY,
    kind: str | None = None,
) -> FourInformationAnswer:
    certificate = SuccessorCertificate(
        replace(asked.identity.identity, serial=b"\x02"), Validity(sets.T0, ends), None, kind
    )
    return FourInformationAnswer(QueryOutcome.DATA, items or canary(), certificate, NOW)


def _judged(answer: FourInformationAnswer, asked: Watched, *, person_check: bool = True) -> str | None:
    return implausible(answer, asked, ALL, _world(), NOW, person_check=person_check)


@pytest.mark.parametrize(
    ("born", "ends", "code"),
    [
        ("419920229", (2031, 2, 28), None),
        ("419920229", (2032, 2, 29), None),
        ("419920228", (2032, 2, 29), None),
        ("419920301", (2032, 2, 29), "PERSON_MISMATCH"),
        ("419920227", (2031, 2, 28), "PERSON_MISMATCH"),
        ("319800217", (2031, 2, 17), "PERSON_MISMATCH"),
        ("419920200", (2031, 2, 28), None),
        ("419920200", (2031, 7, 7), None),
        ("000000000", (2031, 7, 7), None),
    ],
)
def test_a_certificate_ends_on_its_holder_s_birthday(
    born: str, ends: tuple[int, int, int], code: str | None
) -> None:
    """Of who is born on 29 February on the 28th (or the 29th); a birthday that is not known proves nothing;
    and without the check nothing is refused."""
    asked = _asked(_world())
    last = datetime(*ends, 14, 59, 59, tzinfo=UTC)
    answer = _answer(asked, canary(date_of_birth=born), ends=last)
    assert _judged(answer, asked) == code
    assert _judged(answer, asked, person_check=False) is None


def test_the_day_is_a_japanese_day() -> None:
    """23:59:59 in Japan is still that day, a second later it is the next one, whatever UTC says."""
    asked = _asked(_world())
    assert _judged(_answer(asked, ends=BIRTHDAY), asked) is None
    assert _judged(_answer(asked, ends=BIRTHDAY + timedelta(seconds=1)), asked) == "PERSON_MISMATCH"
    assert _judged(_answer(asked, ends=BIRTHDAY - timedelta(days=1)), asked) == "PERSON_MISMATCH"


def test_without_the_birth_date_the_certificates_are_compared() -> None:
    """The item was not asked for: the two ends still tell two people apart."""
    asked = _asked(_world())
    items = FourInformation(name=TextItem("金糸雀　歌子", "000000"))
    assert _judged(_answer(asked, items), asked) is None
    moved = BIRTHDAY + timedelta(days=30)
    assert _judged(_answer(asked, items, ends=moved), asked) == "PERSON_MISMATCH"


@pytest.mark.parametrize(
    ("kind", "found"),
    [(None, "card-sign"), ("card-sign", "card-sign"), ("card-auth", None), ("mobile-sign", None)],
)
def test_within_its_own_ca(kind: str | None, found: str | None) -> None:
    """Not said: as before; an authentication kind, or one that the CA does not have: none."""
    authorities = _world()
    asked = _asked(authorities)
    certificate = _answer(asked, kind=kind).certificate
    assert certificate is not None
    assert successor_kind(certificate, asked, authorities) == found


def test_a_phone_may_follow_a_card() -> None:
    """A signing kind of a CA that has it is taken, whether the same CA's or another's; which one must be
    clear."""
    both = _world(**{MOBILE_POLICY: "mobile-sign"})  # type: ignore[arg-type]
    asked = _asked(both)
    said = _answer(asked, kind="mobile-sign").certificate
    assert said is not None
    assert successor_kind(said, asked, both) == "mobile-sign"
    unsaid = _answer(asked).certificate
    assert unsaid is not None
    # From another CA's certificate into this one, which has two signing kinds: which one is not clear.
    identity = replace(asked.identity, identity=replace(asked.identity.identity, ca_id="elsewhere"))
    elsewhere = replace(asked, identity=identity)
    assert successor_kind(unsaid, elsewhere, both) is None
    assert successor_kind(unsaid, elsewhere, _world()) == "card-sign"
    assert successor_kind(said, elsewhere, both) == "mobile-sign"


@UNTIMED
@given(st.characters(categories=["Cc"]), st.sampled_from(("name", "address", "date_of_birth", "gender")))
def test_control_characters_are_no_item(char: str, item: str) -> None:
    """0x00 and its like in any item: the whole answer is thrown away."""
    asked = _asked(_world())
    bent = canary(**{item: f"東{char}京"})
    assert _judged(_answer(asked, bent), asked) == "ITEMS_MALFORMED"


def test_texts_are_bounded_and_odd_flags_are_not_refused() -> None:
    """A text beyond any register's is refused; flags of another length are kept and called unreliable."""
    asked = _asked(_world())
    assert _judged(_answer(asked, canary(name="あ" * 1001)), asked) == "ITEMS_MALFORMED"
    odd = replace(canary(), name=TextItem("金糸雀　歌子", "01"))
    assert _judged(_answer(asked, odd), asked) is None
    assert odd.name is not None
    assert not odd.name.reliable
    strange = replace(canary(), date_of_birth=birth_date("not a date"))
    assert _judged(_answer(asked, strange), asked) is None

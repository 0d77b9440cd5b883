"""Every refusal of what was sent says in Japanese, too, what was expected, what came and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.certificates.refusals_in_japanese import TEXTS, in_japanese
from platform_api.certificates.wire import refusals_as_problems
from platform_api.problems import Problem
from revocation.errors import InputRefused
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import onboard, signed_consent
from tests.features.service import Service
from tests.revocation import sets

_ROOT = Path(__file__).parents[2]
#: What runs inside ``refusals_as_problems``: the packages that read what institutions send.
_READERS = (
    *sorted((_ROOT / "platform_api/certificates").glob("*.py")),
    *sorted((_ROOT / "platform_api/consents").glob("*.py")),
    *sorted((_ROOT / "platform_api/deliveries").glob("*.py")),
    *sorted((_ROOT / "platform_api/invitations").glob("*.py")),
    *sorted((_ROOT / "platform_api/registrations").glob("*.py")),
    *sorted((_ROOT / "platform_api/status").glob("*.py")),
    _ROOT / "revocation/identity.py",
)
#: What makes a refusal with a code of its caller's.
_MAKERS = {"InputRefused", "_refused", "Form"}
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")


def _called(path: Path) -> Iterator[tuple[str, list[str], bool]]:
    """Each call of a maker: its name, the codes among its arguments, and if it stands in a maker itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(call)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name in ("_refused", "refused")
        for call in ast.walk(function)
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _MAKERS:
            texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
            codes = [text for text in texts if isinstance(text, str) and _CODE.fullmatch(text)]
            yield call.func.id, codes, id(call) in inside


def test_every_code_has_its_japanese() -> None:
    """No code of the source without a text, no text without a code, and none that the search would miss."""
    found = [(path, *call) for path in _READERS for call in _called(path)]
    assert {code for _, _, codes, _ in found for code in codes} == set(TEXTS)
    unseen = [
        path.name for path, maker, codes, inside in found if maker == "InputRefused" and not (codes or inside)
    ]
    assert unseen == []


def test_the_texts_are_japanese_sentences() -> None:
    """Remedies end as sentences, what was expected and got are phrases, and each has Japanese in it."""
    for code, text in TEXTS.items():
        assert text.remedy.endswith("ください。"), code
        for phrase in (text.expected, text.got or "値", text.remedy):
            assert re.search("[ぁ-ん一-龥]", phrase), code
        assert not text.expected.endswith("。"), code


@pytest.mark.parametrize("code", [*TEXTS, "A_CODE_FROM_ELSEWHERE"])
def test_a_refusal_says_all_three_in_both_languages(code: str) -> None:
    """Expected, got and remedy; of a code with many reasons, and of an unknown one, the English of this one
    is in the Japanese text."""
    with pytest.raises(Problem) as caught, refusals_as_problems():
        raise InputRefused(code, expected="one thing", got="another", remedy="do it")
    problem, text = caught.value, TEXTS.get(code)
    assert (problem.status, problem.code) == (422, code)
    assert problem.en == "Expected one thing; got another; do it."
    if text is None or text.got is None:
        assert "expected one thing; got another" in problem.ja
    if text is not None:
        assert text.expected in problem.ja
        assert (text.got or "") in problem.ja
        assert problem.ja.endswith(text.remedy)
    assert problem.ja == in_japanese(InputRefused(code, expected="one thing", got="another", remedy="do it"))


async def test_a_caller_reads_it(service: Service, institution: TestInstitution) -> None:
    """With Accept-Language: ja, a consent of another certificate than the registered one says what to do."""
    card, stranger = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    body = await signed_consent(service, institution, stranger, registration_id)
    japanese = {"Accept-Language": "ja"}
    refused = await service.call(institution, "POST", "/v1/consents", body, headers=japanese, expect=422)
    assert refused["code"] == "CONSENT_HOLDER_MISMATCH"
    assert TEXTS["CONSENT_HOLDER_MISMATCH"].remedy in refused["detail"]

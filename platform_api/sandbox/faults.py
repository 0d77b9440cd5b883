"""Faults on demand: what the outside can do to its client, switched on by a test and off again.

They live in memory only: a restarted sandbox is a healthy one. What each of them does to an answer stands in
``disturbing`` (any answer) and ``false_answers`` (the four items).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from platform_api.sandbox.refusals import RequestRefused

_MOST_FAULTS: Final = 1000


class FaultKind(StrEnum):
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"
    OLDER = "older"
    TRUNCATED = "truncated"
    STATUS_5XX = "status_5xx"
    DELAY = "delay"
    GARBAGE = "garbage"
    DUPLICATED = "duplicated"
    REDIRECT = "redirect"
    TIMEOUT = "timeout"
    EXTRA_ITEMS = "extra_items"
    OTHER_PERSON = "other_person"
    WRONG_SERIAL = "wrong_serial"
    NUL_IN_NAME = "nul_in_name"
    HUGE_NAME = "huge_name"
    NO_CURRENT_CERTIFICATE = "no_current_certificate"
    WITHDRAWN_MEANWHILE = "withdrawn_meanwhile"


class Target(StrEnum):
    CRL = "crl"
    FOUR_INFORMATION = "four_information"
    CONSENTS = "consents"
    WITHDRAWALS = "withdrawals"
    LINKAGE = "linkage"
    OCSP = "ocsp"
    AUTHORITIES = "authorities"
    ALL = "all"


_LISTS: Final = frozenset({Target.CRL})
_SIGNED: Final = frozenset({Target.CRL, Target.OCSP})
_ITEMS: Final = frozenset({Target.FOUR_INFORMATION})
_EVERYTHING: Final = frozenset(Target)

#: For each kind: which targets it makes sense for, and what it does, in English and Japanese.
KINDS: Final[dict[FaultKind, tuple[frozenset[Target], str, str]]] = {
    FaultKind.BAD_SIGNATURE: (
        _SIGNED,
        "The signature of the list or of the OCSP answer is wrong, and nothing else.",
        "失効リストまたはOCSP応答の署名だけが誤りになります。",
    ),
    FaultKind.STALE: (
        _SIGNED,
        "The newest list, or an OCSP answer, whose nextUpdate has passed.",
        "nextUpdateを過ぎた最新のリスト、またはOCSP応答が返ります。",
    ),
    FaultKind.OLDER: (
        _LISTS,
        "The list of the publication before the last one, still in date.",
        "一つ前に公開された、まだ期限内のリストが返ります。",
    ),
    FaultKind.TRUNCATED: (
        _EVERYTHING,
        "The whole length is announced, half of it is sent, then the connection is cut.",
        "全体の長さを告げ、半分だけ送って接続を切ります。",
    ),
    FaultKind.STATUS_5XX: (
        _EVERYTHING,
        "An HTTP error with the given status, and nothing is done.",
        "指定したHTTPエラーを返し、何も行いません。",
    ),
    FaultKind.DELAY: (
        _EVERYTHING,
        "The answer comes so many seconds later.",
        "応答が指定した秒数だけ遅れます。",
    ),
    FaultKind.GARBAGE: (
        _EVERYTHING,
        "Status 200 with octets that are nothing.",
        "ステータス200で、意味のないオクテットが返ります。",
    ),
    FaultKind.DUPLICATED: (
        _EVERYTHING,
        "The answer stands twice in one body.",
        "一つの本文に同じ応答が二度入ります。",
    ),
    FaultKind.REDIRECT: (
        _EVERYTHING,
        "302 to a plain HTTP address elsewhere.",
        "別の場所の平文HTTPのアドレスへ302で転送します。",
    ),
    FaultKind.TIMEOUT: (
        _EVERYTHING,
        "It never answers: nothing is done, and the connection stays open until the caller gives up.",
        "応答しません。何も行わず、相手があきらめるまで接続を開いたままにします。",
    ),
    FaultKind.EXTRA_ITEMS: (
        _ITEMS,
        "A DATA answer has all items, also those that were not asked for or not consented to.",
        "DATA応答に、求めていない項目や同意のない項目まで全て入ります。",
    ),
    FaultKind.OTHER_PERSON: (
        _ITEMS,
        "A DATA answer has another person's items and another person's certificate.",
        "DATA応答に、別人の項目と別人の証明書が入ります。",
    ),
    FaultKind.WRONG_SERIAL: (
        _ITEMS,
        "A DATA answer has the right items with the certificate of somebody else.",
        "DATA応答に、正しい項目と別人の証明書が入ります。",
    ),
    FaultKind.NUL_IN_NAME: (
        _ITEMS,
        "The name of a DATA answer holds the character U+0000.",
        "DATA応答の氏名に文字U+0000が入ります。",
    ),
    FaultKind.HUGE_NAME: (
        _ITEMS,
        "The name of a DATA answer is ten megabytes long.",
        "DATA応答の氏名が10メガバイトになります。",
    ),
    FaultKind.NO_CURRENT_CERTIFICATE: (
        _ITEMS,
        "Every question that could be answered otherwise gets NO_NEW_CERTIFICATE.",
        "本来は別の回答になる照会にも、常にNO_NEW_CERTIFICATEを返します。",
    ),
    FaultKind.WITHDRAWN_MEANWHILE: (
        _ITEMS,
        "The consent is withdrawn after a DATA question was checked; the answer is still sent.",
        "照会の確認後、回答の送信前に同意が取り消されます。DATA応答はそのまま送られます。",
    ),
}
#: These replace what is signed by something else; where nothing is they have nothing to do.
OF_SIGNED: Final = frozenset({FaultKind.BAD_SIGNATURE, FaultKind.STALE, FaultKind.OLDER})
#: These change a DATA answer; they wait for one, so that another answer does not use them up.
OF_ITEMS: Final = frozenset(kind for kind, (targets, _, _) in KINDS.items() if targets == _ITEMS)


def kinds_as_json() -> list[dict[str, Any]]:
    """All kinds, for people."""
    return [
        {
            "kind": kind.value,
            "targets": [target.value for target in Target if target in targets],
            "description": english,
            "description_ja": japanese,
        }
        for kind, (targets, english, japanese) in KINDS.items()
    ]


@dataclass(slots=True)
class Fault:
    """One switched-on fault; ``times`` counts down, None lasts until it is deleted."""

    fault_id: int
    kind: FaultKind
    target: Target
    municipality_code: str | None
    generation: str | None
    status: int
    delay_s: float
    times: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "fault_id": self.fault_id,
            "kind": self.kind.value,
            "target": self.target.value,
            "municipality_code": self.municipality_code,
            "generation": self.generation,
            "status": self.status,
            "delay_s": self.delay_s,
            "times": self.times,
        }

    def hits(self, target: Target, municipality_code: str | None, generation: str | None) -> bool:
        """Whether it disturbs this request; a fault for one list leaves the list of partitions alone."""
        if self.kind in OF_SIGNED and municipality_code is None and target is not Target.OCSP:
            return False
        return (
            self.target in (Target.ALL, target)
            and self.municipality_code in (None, municipality_code)
            and self.generation in (None, generation)
        )


class Faults:
    """All faults that are on, in the order in which they came. Touched by the event loop only."""

    def __init__(self) -> None:
        self._on: list[Fault] = []
        self._count = 0

    def add(
        self,
        kind: FaultKind,
        target: Target,
        *,
        municipality_code: str | None = None,
        generation: str | None = None,
        status: int = 503,
        delay_s: float = 1.0,
        times: int | None = None,
    ) -> Fault:
        one_list = municipality_code is not None or generation is not None
        if target not in KINDS[kind][0] or (one_list and target is not Target.CRL):
            raise RequestRefused(
                422,
                "FAULT_NOT_APPLICABLE",
                "expected a target of that kind in GET /sandbox/v1/faults/kinds, and crl for one list; "
                "correct the target",
            )
        if len(self._on) >= _MOST_FAULTS:
            raise RequestRefused(409, "TOO_MANY_FAULTS", "DELETE /sandbox/v1/faults first")
        self._count += 1
        fault = Fault(self._count, kind, target, municipality_code, generation, status, delay_s, times)
        self._on.append(fault)
        return fault

    def all(self) -> list[Fault]:
        return list(self._on)

    def clear(self) -> None:
        self._on.clear()

    def take(
        self, target: Target, municipality_code: str | None = None, generation: str | None = None
    ) -> list[Fault]:
        """What disturbs this request: all delays, and the first of the others; each is used once."""
        taken: list[Fault] = []
        for fault in self._on:
            another = any(found.kind is not FaultKind.DELAY for found in taken)
            if (
                fault.kind not in OF_ITEMS
                and fault.hits(target, municipality_code, generation)
                and (fault.kind is FaultKind.DELAY or not another)
            ):
                taken.append(fault)
        self._use(taken)
        return taken

    def take_for_items(self, *, data: bool) -> FaultKind | None:
        """The first fault of the four items that has something to do with this answer; it is used once."""
        for fault in self._on:
            if fault.kind in OF_ITEMS and (data or fault.kind is FaultKind.NO_CURRENT_CERTIFICATE):
                self._use([fault])
                return fault.kind
        return None

    def _use(self, taken: list[Fault]) -> None:
        for fault in taken:
            if fault.times is not None:
                fault.times -= 1
        self._on = [fault for fault in self._on if fault.times is None or fault.times > 0]

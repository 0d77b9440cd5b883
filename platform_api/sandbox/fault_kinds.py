"""Which faults there are, which answers each of them makes sense for, and what it does, in two languages."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final


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

"""Refusals of what was sent, in Japanese: what was expected, what came, what to do; by their code.

A code that is raised at many places has one sentence for all of them; the place's own English stands behind
it in brackets. ``tests/features/test_refusals_in_japanese.py`` finds a code that has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from revocation.errors import InputRefused


@dataclass(frozen=True, slots=True)
class Japanese:
    """``expected`` and ``got`` are phrases, ``remedy`` is a sentence. ``got`` None: one of several things."""

    expected: str
    got: str | None
    remedy: str


_CARD_AS_IT_IS: Final = "カードまたはスマートフォンから読み出した証明書を、DERのままbase64で送ってください。"
_HASH_AGAIN: Final = "署名した文書のハッシュ値を計算し直し、base64で送ってください。"
_SIGN_AGAIN: Final = "お客さまに、申請(XML)への署名をもう一度お願いしてください。"
_APPLY: Final = (
    "POST /v1/consent-applications で申請(XML)を作成し、1オクテットも変えずに署名してもらってください。"
)
_APPLY_TO_WITHDRAW: Final = (
    "POST …/withdrawal-applications で取消申請を作成し、1オクテットも変えずに署名してもらってください。"
)

TEXTS: Final[Mapping[str, Japanese]] = MappingProxyType(
    {
        # certificates
        "CERTIFICATE_MALFORMED": Japanese("X.509証明書1枚(バージョン3、DER)", None, _CARD_AS_IT_IS),
        "CERTIFICATE_ITEMS_MALFORMED": Japanese(
            "基本4情報が定められた形で入った署名用証明書", None, _CARD_AS_IT_IS
        ),
        "KEY_NOT_SUPPORTED": Japanese(
            "2048〜4096ビットのRSA鍵、またはP-256かP-384の楕円曲線鍵の証明書",
            "別の種類または長さの鍵の証明書",
            "マイナンバーカードまたはスマートフォンの証明書を送ってください。",
        ),
        "DIGEST_ALGORITHM": Japanese(
            "sha256(P-384の鍵ではsha384も可)のdigest_algorithm",
            "この鍵では使えないアルゴリズム",
            "文書のSHA-256ハッシュ値に署名してもらい、digest_algorithmをsha256にして送ってください。",
        ),
        "DIGEST_MALFORMED": Japanese(
            "digest_algorithmのとおりの長さのハッシュ値(SHA-256は32、SHA-384は48オクテット)",
            "別の長さの値",
            _HASH_AGAIN,
        ),
        "ISSUER_KEY_MALFORMED": Japanese(
            "32オクテット(SHA-256)の発行者鍵ハッシュ",
            "別の長さの値",
            "発行者の公開鍵(subjectPublicKeyの内容)のSHA-256ハッシュ値を送ってください。",
        ),
        "SERIAL_MALFORMED": Japanese(
            "1〜20オクテットの発行の番号(16進数)",
            "別の形式または長さの値",
            "OpenSSLの表示と同じ16進数を、0x・コロン・空白を付けずに送ってください。",
        ),
        # who signed, and what with
        "CONSENT_KIND": Japanese("署名用の証明書による署名", "別の種類の証明書による署名", _SIGN_AGAIN),
        "CONSENT_ALGORITHM": Japanese("証明書の鍵に合うsignature_algorithm", "別のアルゴリズム", _SIGN_AGAIN),
        "CONSENT_SIGNATURE_INVALID": Japanese(
            "この申請(XML)に対する正しい署名", "検証できない署名", _SIGN_AGAIN
        ),
        "CONSENT_CERTIFICATE_NOT_GOOD": Japanese(
            "失効しておらず、有効期間内である証明書",
            None,
            "お客さまに、有効なカードまたはスマートフォンでの署名をお願いしてください。",
        ),
        "CONSENT_HOLDER_MISMATCH": Japanese(
            "この登録の証明書による署名",
            "登録されていない証明書による署名",
            "お客さまの新しい証明書を先に登録するか、登録済みの証明書で署名してもらってください。",
        ),
        "WITHDRAWAL_HOLDER_MISMATCH": Japanese(
            "同意した本人の、この登録で監視している証明書による署名",
            "別の証明書による署名",
            "その証明書で署名してもらってください。できない場合は貴機関で同意の利用を停止し、"
            "取消しはお客さまからJ-LISへ行うようご案内ください。",
        ),
        # a consent's application
        "CONSENT_APPLICATION_MALFORMED": Japanese("当サービスが作成したままの同意申請(XML)", None, _APPLY),
        "CONSENT_NUMBER_USED": Japanese(
            "まだ使われていない申請番号", "以前の名義人が署名した申請の番号", _APPLY
        ),
        "CONSENT_NUMBER_UNKNOWN": Japanese("この登録のために発行された申請番号", "別の申請番号", _APPLY),
        "CONSENT_INSTITUTION_MISMATCH": Japanese("貴機関の機関コード", "別の機関コード", _APPLY),
        "CONSENT_SERVICE_MISMATCH": Japanese("この登録のサービスのコード", "別のサービスコード", _APPLY),
        "CONSENT_ITEMS_MISMATCH": Japanese("作成した申請と同じ項目", "別の項目", _APPLY),
        "CONSENT_TEXT_MISMATCH": Japanese("作成した申請と同じ文面版", "別の文面版", _APPLY),
        "CONSENT_OCTETS_MISMATCH": Japanese(
            "作成した申請(XML)と1オクテットも違わない内容", "異なる内容", _APPLY
        ),
        # a withdrawal's application
        "WITHDRAWAL_APPLICATION_MALFORMED": Japanese(
            "当サービスが作成したままの取消申請(XML)", None, _APPLY_TO_WITHDRAW
        ),
        "WITHDRAWAL_NUMBER_UNKNOWN": Japanese(
            "この同意のために発行された申請番号", "別の申請番号", _APPLY_TO_WITHDRAW
        ),
        "WITHDRAWAL_INSTITUTION_MISMATCH": Japanese(
            "貴機関の機関コード", "別の機関コード", _APPLY_TO_WITHDRAW
        ),
        "WITHDRAWAL_SERVICE_MISMATCH": Japanese(
            "この同意のサービスのコード", "別のサービスコード", _APPLY_TO_WITHDRAW
        ),
        "WITHDRAWAL_CONSENT_MISMATCH": Japanese(
            "この同意の同意申請番号", "別の同意申請番号", _APPLY_TO_WITHDRAW
        ),
        "WITHDRAWAL_OCTETS_MISMATCH": Japanese(
            "作成した取消申請(XML)と1オクテットも違わない内容", "異なる内容", _APPLY_TO_WITHDRAW
        ),
        # an institution's own key
        "DELIVERY_KEY_REFUSED": Japanese(
            "暗号化に使える公開鍵(P-256・P-384・X25519、または2048〜8192ビットのRSA)のJWK",
            None,
            "鍵の組を作り直し、公開鍵の項目のみをJWK(RFC 7517)で送ってください。",
        ),
    }
)


def in_japanese(refused: InputRefused) -> str:
    """What was expected, what came, what to do; the texts never carry what was sent."""
    text = TEXTS.get(refused.code)
    english = f"expected {refused.expected}; got {refused.got}"
    if text is None:
        return f"送られたデータを受け付けられません({english}; {refused.remedy})。"
    if text.got is None:
        return f"必要なもの: {text.expected}。受け取ったもの: それ以外({english})。{text.remedy}"
    return f"必要なもの: {text.expected}。受け取ったもの: {text.got}。{text.remedy}"

"""The one table of what J-LIS may refuse with, and of what each code of ours means to an operator.

The real codes are under NDA (open question 6): those here are the sandbox's, and ``jlis_error_codes`` adds
others without a release. A code that is in neither is ``JLIS_REFUSED``: a refusal that a person looks at,
never "ask again for ever".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reaction(StrEnum):
    """What follows from a code."""

    #: Perhaps done a moment later: asked again within the call, if that is harmless.
    AGAIN = "again"
    #: Nothing is known; who asked asks again by its own schedule, later.
    LATER = "later"
    #: J-LIS said no to what was sent; a person looks at it.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code of ours, for those who run the service."""

    reaction: Reaction
    en: str
    ja: str


_AGAIN, _LATER, _REFUSED = Reaction.AGAIN, Reaction.LATER, Reaction.REFUSED

UNKNOWN_REFUSAL: Final = "JLIS_REFUSED"

#: Refusals that say nothing of what the customer signed: the operator mends them, and the same is sent again.
OURS_TO_MEND: Final = frozenset(
    (
        UNKNOWN_REFUSAL,
        "JLIS_REQUEST_MALFORMED",
        "JLIS_NOT_PERMITTED",
        "JLIS_PROVIDER_UNKNOWN",
        "JLIS_SERVICE_UNKNOWN",
        "JLIS_CA_UNKNOWN",
    )
)

#: Ours, a closed set: also the values of the metric's label.
MEANINGS: Final[Mapping[str, Meaning]] = {
    # -- nothing was sent ----------------------------------------------------------------------------------
    "JLIS_CLOSED": Meaning(
        _LATER,
        "Outside J-LIS's service hours; nothing was sent. It is asked when it opens.",
        "J-LISのサービス時間外のため送信していません。開始後に問い合わせます。",
    ),
    "JLIS_PAUSED": Meaning(
        _LATER,
        "Calls of this kind failed several times in a row; J-LIS is left alone for a moment.",
        "この種類の呼出しが続けて失敗したため、しばらく問い合わせを止めています。",
    ),
    "JLIS_NO_TURN": Meaning(
        _LATER,
        "All our lines to J-LIS were in use until the deadline; raise jlis_concurrency if J-LIS allows it.",
        "期限までにJ-LISへの回線が空きませんでした。許される場合はjlis_concurrencyを増やしてください。",
    ),
    # -- the line ------------------------------------------------------------------------------------------
    "JLIS_UNREACHABLE": Meaning(
        _AGAIN,
        "No connection, or it was cut before the answer was whole; look at the line and the address.",
        "接続できないか、応答の途中で切断されました。回線と接続先を確認してください。",
    ),
    "JLIS_TIMEOUT": Meaning(
        _AGAIN,
        "No whole answer in time; look at J-LIS's notices and at the line.",
        "時間内に応答が完結しませんでした。J-LISのお知らせと回線を確認してください。",
    ),
    "JLIS_TLS_REFUSED": Meaning(
        _LATER,
        "The other side has not the certificate it must have, or refuses ours; nothing was sent. Look at "
        "jlis_ca, jlis_client_certificate and the name in jlis_url, and who answers at this address.",
        "接続先の証明書が正しくないか、当方の証明書が拒否されたため、送信していません。"
        "jlis_ca、jlis_client_certificate、jlis_urlのホスト名と接続先を確認してください。",
    ),
    "JLIS_REDIRECTED": Meaning(
        _LATER,
        "Something on the way answered with a redirect; it was not followed. Look at the line and jlis_url.",
        "転送(リダイレクト)が返されましたが、従っていません。回線とjlis_urlを確認してください。",
    ),
    "JLIS_STATUS": Meaning(
        _AGAIN,
        "An error that is not in J-LIS's words: its own trouble, or something on the way.",
        "J-LISの形式でないエラーです。J-LISまたは経路上の障害とみられます。",
    ),
    "JLIS_CONTENT_TYPE": Meaning(
        _LATER,
        "An answer of another media type than agreed; nothing of it was used. Something else answers here.",
        "約束と異なる形式の応答のため、一切使用していません。接続先を確認してください。",
    ),
    "JLIS_ANSWER_TOO_LARGE": Meaning(
        _LATER,
        "An answer longer than jlis_max_answer_octets or jlis_max_list_octets; cut off, nothing was used.",
        "応答が上限(jlis_max_answer_octets等)を超えたため打ち切り、一切使用していません。",
    ),
    "JLIS_ANSWER_MALFORMED": Meaning(
        _LATER,
        "An answer that is not exactly of the agreed form; nothing of it was used. Compare the adapter with "
        "J-LIS's current specification.",
        "応答が仕様どおりでないため、一切使用していません。J-LISの最新の仕様と照合してください。",
    ),
    # -- J-LIS's own words ---------------------------------------------------------------------------------
    "JLIS_BUSY": Meaning(
        _AGAIN,
        "J-LIS says that it is busy or not serving for a moment.",
        "J-LISが混雑または一時停止中です。",
    ),
    "JLIS_CLOSED_BY_J_LIS": Meaning(
        _LATER,
        "J-LIS says that it is closed now, inside the hours that we know; correct jlis_daily_closure and its "
        "neighbours.",
        "設定上のサービス時間内ですが、J-LISが時間外と応答しました。jlis_daily_closure等を見直してください。",
    ),
    UNKNOWN_REFUSAL: Meaning(
        _REFUSED,
        "J-LIS refused with a code that our table does not have; look it up in its specification and add it "
        "to jlis_error_codes.",
        "J-LISが未登録のコードで拒否しました。仕様書で確認し、jlis_error_codesに追加してください。",
    ),
    "JLIS_REQUEST_MALFORMED": Meaning(
        _REFUSED,
        "J-LIS could not read what we sent: the adapter does not fit its specification.",
        "J-LISが当方の電文を解釈できません。アダプターが仕様と一致していません。",
    ),
    "JLIS_NOT_PERMITTED": Meaning(
        _REFUSED,
        "J-LIS does not permit this to us or to this institution; look at the notification and its number.",
        "J-LISから許可されていない操作です。届出の内容と番号を確認してください。",
    ),
    "JLIS_PROVIDER_UNKNOWN": Meaning(
        _REFUSED,
        "J-LIS does not know the institution by this code; correct jlis_provider_codes.",
        "J-LISに登録のない機関コードです。jlis_provider_codesを確認してください。",
    ),
    "JLIS_SERVICE_UNKNOWN": Meaning(
        _REFUSED,
        "J-LIS does not know the service by this code; register it through the platform operator.",
        "J-LISに登録のないサービスコードです。登録手続を確認してください。",
    ),
    "JLIS_CA_UNKNOWN": Meaning(
        _REFUSED,
        "J-LIS does not know the CA by this name; compare the accepted authorities with its list.",
        "J-LISに該当する認証局がありません。登録済みの認証局と照合してください。",
    ),
    "JLIS_LIST_ABSENT": Meaning(
        _REFUSED,
        "J-LIS has not published what was asked for; the next round asks again.",
        "J-LISがまだ公開していません。次の巡回で再度問い合わせます。",
    ),
    "JLIS_CONSENT_SIGNATURE_INVALID": Meaning(
        _REFUSED,
        "J-LIS does not accept the signature on a consent or a withdrawal; have a new one signed.",
        "同意または取消の署名がJ-LISで検証できませんでした。新しい申請に署名し直してください。",
    ),
    "JLIS_CONSENT_CERTIFICATE_INVALID": Meaning(
        _REFUSED,
        "J-LIS does not accept the signer's certificate: unknown, revoked, expired, or of another kind.",
        "署名用電子証明書が失効、期限切れ等のため、J-LISに受け付けられませんでした。",
    ),
    "JLIS_CONSENT_APPLICATION_REFUSED": Meaning(
        _REFUSED,
        "J-LIS does not accept the application: form, items, number used before, or time; make a new one.",
        "申請書の形式、項目、番号、日時のいずれかがJ-LISに受け付けられませんでした。作り直してください。",
    ),
    "JLIS_CONSENT_UNKNOWN": Meaning(
        _REFUSED,
        "J-LIS has no consent of this reference; look at the consent's history before anything is fetched.",
        "J-LISに該当する同意がありません。取得の前に同意の履歴を確認してください。",
    ),
    "JLIS_CONSENT_WITHDRAWN": Meaning(
        _REFUSED,
        "The consent is withdrawn at J-LIS; only a new one can follow.",
        "同意はJ-LISで取り消されています。新たな同意が必要です。",
    ),
    "JLIS_CONSENT_HOLDER_MISMATCH": Meaning(
        _REFUSED,
        "Another person signed than the one whose consent it is.",
        "同意した本人と異なる方の署名です。",
    ),
    "JLIS_CURSOR_REFUSED": Meaning(
        _REFUSED,
        "J-LIS does not know our place in its withdrawals any more. Each pass of the refresh reads once from "
        "the beginning by itself; ask J-LIS where it refuses that too.",
        "取消情報の読取位置がJ-LISで無効です。自動更新の処理ごとに一度、最初から自動で読み直します。"
        "それも拒否される場合はJ-LISに確認してください。",
    ),
    "JLIS_LINKAGE_REFUSED": Meaning(
        _REFUSED,
        "J-LIS does not answer this linkage: agreement missing, or a relation that this certificate has not.",
        "紐付け照会が受け付けられませんでした。お客さまの同意と照会の種類を確認してください。",
    ),
    "JLIS_ITEMS_REFUSED": Meaning(
        _REFUSED,
        "J-LIS does not accept the items asked for; ask for items of the consent only.",
        "求めた項目がJ-LISに受け付けられませんでした。同意の範囲の項目だけを求めてください。",
    ),
}

#: Theirs -> ours.
THEIR_CODES: Final[Mapping[str, str]] = {
    "BUSY": "JLIS_BUSY",
    "RATE_LIMITED": "JLIS_BUSY",
    "CLOSED": "JLIS_CLOSED_BY_J_LIS",
    "OUT_OF_HOURS": "JLIS_CLOSED_BY_J_LIS",
    "REQUEST_MALFORMED": "JLIS_REQUEST_MALFORMED",
    "MEDIA_TYPE": "JLIS_REQUEST_MALFORMED",
    "NOT_PERMITTED": "JLIS_NOT_PERMITTED",
    "PROVIDER_UNKNOWN": "JLIS_PROVIDER_UNKNOWN",
    "PROVIDER_CODE_UNKNOWN": "JLIS_PROVIDER_UNKNOWN",
    "SERVICE_UNKNOWN": "JLIS_SERVICE_UNKNOWN",
    "SERVICE_CODE_UNKNOWN": "JLIS_SERVICE_UNKNOWN",
    "NO_SUCH_CA": "JLIS_CA_UNKNOWN",
    "NO_SUCH_LIST": "JLIS_LIST_ABSENT",
    "NOT_PUBLISHED": "JLIS_LIST_ABSENT",
    "SIGNATURE_INVALID": "JLIS_CONSENT_SIGNATURE_INVALID",
    "SIGNATURE_ALGORITHM_UNKNOWN": "JLIS_CONSENT_SIGNATURE_INVALID",
    "CERTIFICATE_MALFORMED": "JLIS_CONSENT_CERTIFICATE_INVALID",
    "CERTIFICATE_UNKNOWN": "JLIS_CONSENT_CERTIFICATE_INVALID",
    "CERTIFICATE_REVOKED": "JLIS_CONSENT_CERTIFICATE_INVALID",
    "CERTIFICATE_EXPIRED": "JLIS_CONSENT_CERTIFICATE_INVALID",
    "CERTIFICATE_NOT_YET_VALID": "JLIS_CONSENT_CERTIFICATE_INVALID",
    "CERTIFICATE_KIND_INVALID": "JLIS_CONSENT_CERTIFICATE_INVALID",
    "APPLICATION_MALFORMED": "JLIS_CONSENT_APPLICATION_REFUSED",
    "APPLICATION_ID_REUSED": "JLIS_CONSENT_APPLICATION_REFUSED",
    "APPLICATION_MISMATCH": "JLIS_CONSENT_APPLICATION_REFUSED",
    "CREATED_AT_IN_FUTURE": "JLIS_CONSENT_APPLICATION_REFUSED",
    "ITEMS_INVALID": "JLIS_CONSENT_APPLICATION_REFUSED",
    "SERVICE_CODE_MISMATCH": "JLIS_CONSENT_APPLICATION_REFUSED",
    "CONSENT_UNKNOWN": "JLIS_CONSENT_UNKNOWN",
    "NO_SUCH_CONSENT": "JLIS_CONSENT_UNKNOWN",
    "CONSENT_WITHDRAWN": "JLIS_CONSENT_WITHDRAWN",
    "HOLDER_MISMATCH": "JLIS_CONSENT_HOLDER_MISMATCH",
    "SIGNER_MISMATCH": "JLIS_CONSENT_HOLDER_MISMATCH",
    "CURSOR_INVALID": "JLIS_CURSOR_REFUSED",
    "CURSOR_UNKNOWN": "JLIS_CURSOR_REFUSED",
    "NOT_AGREED": "JLIS_LINKAGE_REFUSED",
    "RELATION_INVALID": "JLIS_LINKAGE_REFUSED",
    "ITEM_UNKNOWN": "JLIS_ITEMS_REFUSED",
}


def ours(theirs: str, more: Mapping[str, str]) -> str:
    """Our code for one of J-LIS's; ``more`` is ``jlis_error_codes`` and counts first."""
    return more.get(theirs) or THEIR_CODES.get(theirs, UNKNOWN_REFUSAL)

"""What we do not know of the real J-LIS, which setting stands for it, and what is assumed until it is known.

The interfaces are disclosed under a confidentiality pledge only; a number is that of the list of open
questions with which the product began. ``jpki jlis settings`` prints this table with the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """One question. ``settings`` are names; ``settled_in`` says where else it is settled until then."""

    number: int | None
    en: str
    ja: str
    settings: tuple[str, ...] = ()
    settled_in: str = ""


QUESTIONS: Final = (
    OpenQuestion(
        None,
        "Over which line is J-LIS reached, whose CA vouches for its server, and by which certificate does it "
        "know us?",
        "接続回線、サーバー証明書の認証局、当方のクライアント証明書は何か。",
        ("jlis_url", "jlis_ca", "jlis_client_certificate", "jlis_client_key"),
    ),
    OpenQuestion(
        None,
        "When is each of its services open: every day, at night, on holidays, and how is maintenance "
        "announced?",
        "各サービスの提供時間、夜間・休日の扱い、保守の告知方法は何か。",
        (
            "jlis_daily_closure",
            "jlis_closed_weekdays",
            "jlis_closed_days",
            "jlis_maintenance",
            "jlis_open_always",
        ),
    ),
    OpenQuestion(
        None,
        "How many calls at once and in a minute does it allow, and how long may an answer take?",
        "同時接続数・呼出し頻度の上限と、応答時間の目安はどれほどか。",
        (
            "jlis_concurrency",
            "jlis_batch_concurrency",
            "jlis_attempt_timeout_s",
            "jlis_call_timeout_s",
            "jlis_attempts",
            "jlis_failures",
            "jlis_pause_s",
        ),
    ),
    OpenQuestion(
        6,
        "Which message formats, lengths and error codes do its four-information and consent interfaces have, "
        "and is there one for batches?",
        "4情報・同意の電文形式、長さ、エラーコードと、一括照会の有無は何か。",
        ("jlis_error_codes", "jlis_max_answer_octets", "jlis_max_list_octets"),
        "platform_api/jlis/wire_forms.py, platform_api/jlis/error_codes.py",
    ),
    OpenQuestion(
        6,
        "Does it know an application that it gets twice by the number inside, or does it make two consents, "
        "or an error?",
        "同じ申請を二度受け取ったとき、申請番号で同一と扱うか、別の同意またはエラーとするか。",
        ("jlis_resubmit",),
    ),
    OpenQuestion(
        6,
        "What does the code look like that it assigns to each institution for the inquiry of withdrawals, "
        "and is it the one inside the applications?",
        "取消照会のため機関ごとに割り当てられる番号の形式と、申請書の機関コードとの関係は何か。",
        ("jlis_provider_codes",),
        "platform_api/consents/application.py: applications carry the institution_id",
    ),
    OpenQuestion(
        6,
        "How are withdrawals read: by a cursor as here, or by day; how far back, and how many at once?",
        "取消情報は位置指定で読むのか日付で読むのか。遡れる期間と一度の件数はどれほどか。",
        ("jlis_poll_page",),
    ),
    OpenQuestion(
        6,
        "Is a four-information answer charged that was lost on the way, and the second one as well?",
        "途中で失われた4情報の応答にも課金されるか。再照会は別に課金されるか。",
        settled_in="platform_api/jlis/calls.py: it is asked again, since the items are wanted anyway",
    ),
    OpenQuestion(
        1,
        "Which change in life gives which reason code, death included?",
        "どの異動がどの失効理由コードになるか(死亡を含む)。",
        settled_in="platform_api/changes: reason 5 never says why",
    ),
    OpenQuestion(
        2,
        "When are lists published, how long are they in force, which partitions are there, over which "
        "protocol?",
        "失効情報の公開時刻、有効期間、分割、取得方式は何か。",
        ("lists_wait_s", "lists_poll_s", "lists_late_s"),
        "the accepted authorities (jpki authority list)",
    ),
    OpenQuestion(
        3,
        "What does its OCSP responder want: hash, nonce, signed requests, which responder certificate?",
        "OCSPの要件(ハッシュ、ナンス、署名付き要求、応答者証明書)は何か。",
        (
            "upstream_ocsp_url",
            "upstream_ocsp_hash",
            "upstream_ocsp_nonce",
            "upstream_ocsp_method",
            "upstream_ocsp_signer_certificates",
            "upstream_ocsp_signer_key",
            "upstream_ocsp_responder_certificate",
            "upstream_ocsp_accept_without_nocheck",
            "upstream_ocsp_max_age_s",
        ),
    ),
    OpenQuestion(
        4,
        "Do phones have CAs, serial numbers and algorithms of their own?",
        "スマートフォン用電子証明書の認証局、番号体系、アルゴリズムは何か。",
        settled_in="the accepted authorities (jpki authority list): kinds and CAs are data",
    ),
    OpenQuestion(
        5,
        "Under which OID and encoding does a certificate carry the furigana of a name?",
        "氏名の振り仮名のOIDと符号化は何か。",
        settled_in="platform_api/certificates/four_items.py: unknown otherNames are tolerated",
    ),
    OpenQuestion(
        7,
        "From which day does a consent run, that of the receipt or that of its reflection at J-LIS, and "
        "which rule binds?",
        "同意の起算日は受付日か反映日か。どちらの規則が優先するか。",
        settled_in="platform_api/consents/model.py: the narrowest of both and of J-LIS's own period",
    ),
    OpenQuestion(
        8,
        "May an institution have the serial number of the new certificate?",
        "新しい証明書の発行番号を機関に渡してよいか。",
        settled_in="platform_api/four_information: it never leaves this service",
    ),
    OpenQuestion(
        9,
        "Do expired certificates stay in the lists, and how long?",
        "期限切れの証明書は失効情報に残るか。残る期間はどれほどか。",
        settled_in="revocation/status.py: its own dates are looked at before any list",
    ),
    OpenQuestion(
        10,
        "How long must a certified operator keep its books?",
        "認定事業者の帳簿の保存期間は何年か。",
        settled_in="not settled: nothing that is recorded is removed by itself",
    ),
)


def question_of(setting: str) -> OpenQuestion | None:
    """The question that a setting stands for."""
    return next((one for one in QUESTIONS if setting in one.settings), None)

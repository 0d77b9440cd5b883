"""Every text that a customer reads on his page, in Japanese and English. Nothing a person reads stands
elsewhere.

Plain words: the customer has a letter in his hand, not a contract. The explanations themselves are the
institution's (``explanation.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("ja", "en")

#: name: (Japanese, English)
_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # -- everywhere
    "skip": ("本文へ進む", "Skip to the content"),
    "other_language": ("English", "日本語"),
    "language_label": ("表示言語", "Language"),
    "footer": (
        "このページは、お手元のご案内を送付した事業者のために、電子証明書の確認サービスが表示しています。",
        "This page is shown by a certificate-status service on behalf of the company that sent your letter.",
    ),
    "footer_pin": (
        "このページで暗証番号や個人番号(マイナンバー)をお尋ねすることはありません。",
        "This page never asks for a PIN or for your Individual Number (My Number).",
    ),
    # -- the question
    "title_ask": (
        "最新の登録情報をお知らせいただくための同意のお願い",
        "May we receive your current registered details?",
    ),
    "lead": (
        "お引っ越しや氏名の変更があったとき、届出をいただかなくても最新の内容を受け取れるように、"
        "同意をお願いしています。",
        "If you move or change your name, we would like to receive the new details without your having"
        " to tell"
        " us. For this we ask your consent.",
    ),
    "lead_free": (
        "同意するかどうかは自由です。",
        "Whether you agree is up to you.",
    ),
    "what": ("お願いする内容", "What we ask"),
    "institution": ("事業者", "Company"),
    "service": ("対象のサービス", "Service"),
    "wanted": ("受け取る情報", "Details to be received"),
    "item_name": ("氏名", "Name"),
    "item_address": ("住所", "Address"),
    "item_date_of_birth": ("生年月日", "Date of birth"),
    "item_gender": ("性別", "Sex"),
    "items_only": ("ここに書かれた情報だけが対象です。", "Only what is listed here."),
    "source": ("情報の提供元", "Provided by"),
    "source_value": (
        "地方公共団体情報システム機構(J-LIS)",
        "Japan Agency for Local Authority Information Systems (J-LIS)",
    ),
    "period": ("同意の期間", "Period"),
    "period_value": ("10年間(いつでも取り消せます)", "Ten years (you can withdraw at any time)"),
    "answer_by": ("回答の期限", "Please answer by"),
    "explanations": ("説明", "Explanations"),
    "explanations_lead": (
        "「必読」と書かれた項目は、同意の前にすべてお読みください。",
        "Please read everything marked “Required” before you agree.",
    ),
    "required": ("必読", "Required"),
    "optional": ("参考", "For information"),
    "template_note": (
        "この説明文はひな形です。内容はこの事業者の確認を受けていません。",
        "This text is a template that the company has not checked.",
    ),
    "only_japanese": ("", "These explanations are available in Japanese only."),
    "answer": ("ご回答", "Your answer"),
    "read_label": (
        "「必読」の項目をすべて読みました",
        "I have read everything marked “Required”",
    ),
    "read_hint": (
        "チェックを入れると「同意する」を選べます。",
        "Tick this box to be able to agree.",
    ),
    "which_app": ("署名の方法", "How to sign"),
    "app_sandbox": (
        "サンドボックス(模擬のカード・スマートフォン)",
        "Sandbox (a simulated card or phone)",
    ),
    "app_mynaportal": ("マイナポータル", "Mynaportal"),
    "app_digital_auth": ("デジタル認証アプリ", "Digital Authentication App"),
    "agree": ("同意する", "I agree"),
    "agree_hint": (
        "次の画面で、マイナンバーカードまたはスマートフォンの電子証明書で署名します。",
        "On the next page you sign with your My Number Card or your smartphone.",
    ),
    "decline": ("同意しない", "I do not agree"),
    "decline_hint": (
        "署名は不要です。選ぶとこのご案内は終了します。",
        "No signature is needed. The letter is then closed.",
    ),
    # -- errors and notices above the question
    "error_title": ("ご確認ください", "Please check"),
    "error_read": (
        "説明を読んだことの確認にチェックを入れてください。",
        "Please tick the box to confirm that you have read the explanations.",
    ),
    "error_app": ("署名の方法を選んでください。", "Please choose how to sign."),
    "error_form": (
        "画面を開いてから時間がたちました。もう一度お選びください。",
        "This page had been open for a long time. Please choose again.",
    ),
    "error_app_failed": (
        "署名のアプリに接続できませんでした。少し時間をおいて、もう一度お試しください。",
        "The app for signing could not be reached. Please try again in a little while.",
    ),
    "error_cancelled": (
        "署名は行われませんでした。同意はまだ完了していません。",
        "You did not sign. Your consent is not complete.",
    ),
    "error_pin": (
        "暗証番号の入力を続けて間違えたため、署名できませんでした。カードがロックされたときは、"
        "お住まいの市区町村の窓口などで手続きが必要です。",
        "The PIN was entered wrongly too many times, so nothing was signed. If the card is locked, your"
        " municipality can unlock it.",
    ),
    "error_certificate": (
        "この電子証明書では署名を受け付けられませんでした。有効期限切れや失効の可能性があります。"
        "新しいカードがある場合はそちらでお試しください。",
        "The signature could not be accepted with this certificate; it may be expired or revoked. If you have"
        " a newer card, please try that one.",
    ),
    "error_undetermined": (
        "電子証明書の有効性を、ただいま確認できません。しばらくしてからもう一度お試しください。",
        "We cannot check the certificate at the moment. Please try again in a little while.",
    ),
    "error_browser": (
        "署名を始めたブラウザーに戻れませんでした。このご案内のQRコードからもう一度お試しください。",
        "We could not return to the browser in which you began. Please scan the letter's QR code again.",
    ),
    "error_again": (
        "署名の手続きをもう一度はじめからお願いします。",
        "Please begin the signature again.",
    ),
    "error_refused": (
        "同意を受け付けられませんでした。ご案内を送付した事業者にお問い合わせください。",
        "Your consent could not be accepted. Please contact the company that sent the letter.",
    ),
    "notice_later": (
        "署名を確認しましたが、まだ手続きを完了できていません。しばらくしてから、"
        "同じ方法でもう一度署名してください。",
        "Your signature was checked, but the procedure could not be completed yet. Please sign once"
        " more, in the"
        " same way, a little later.",
    ),
    # -- the ends
    "title_confirmed": ("同意の手続きが完了しました", "Your consent is complete"),
    "text_confirmed": (
        "ご協力ありがとうございました。このページは閉じてかまいません。同意は、いつでも取り消せます。",
        "Thank you. You can close this page. You may withdraw your consent at any time.",
    ),
    "title_pending": ("署名を受け付けました", "We have received your signature"),
    "text_pending": (
        "ご案内を送付した事業者が内容を確認すると、手続きが完了します。このページは閉じてかまいません。",
        "The company that sent the letter will now check it; then your consent is complete. You can"
        " close this"
        " page.",
    ),
    "title_declined": ("「同意しない」を承りました", "You did not agree"),
    "text_declined": (
        "これまでどおりサービスをご利用いただけます。お考えが変わったときは、ご案内を送付した事業者に"
        "ご連絡ください。",
        "You can go on using the service as before. If you change your mind, please contact the company that"
        " sent the letter.",
    ),
    "title_rejected": ("このご案内での手続きは終了しました", "This letter is closed"),
    "text_rejected": (
        "この署名による同意は行われませんでした。署名の際の情報は保管していません。"
        "ご不明な点は、ご案内を送付した事業者にお問い合わせください。",
        "No consent was made with this signature, and what came with it is not kept. Please contact the"
        " company"
        " that sent the letter if you have questions.",
    ),
    "title_refused": ("同意は受け付けられませんでした", "Your consent was not accepted"),
    "text_refused": (
        "J-LISで受け付けられなかったため、同意は行われていません。"
        "ご案内を送付した事業者にお問い合わせください。",
        "J-LIS did not accept it, so no consent was made. Please contact the company that sent the letter.",
    ),
    "title_expired": ("このご案内の期限が過ぎました", "This letter has expired"),
    "text_expired": (
        "回答の期限が過ぎたため、手続きできません。ご希望の場合は、ご案内を送付した事業者にお問い合わせください。",
        "The time for an answer is over. Please contact the company that sent the letter if you still wish to"
        " answer.",
    ),
    "title_cancelled": ("このご案内は取り消されました", "This letter was cancelled"),
    "text_cancelled": (
        "ご案内を送付した事業者が取り消したため、手続きは不要です。",
        "The company that sent the letter cancelled it. You need not do anything.",
    ),
    "text_stopped": (
        "先に署名いただいた同意は、この事業者では使用しません。署名がJ-LISに届いていた場合、J-LISに同意の記録が残っていることが"
        "あります。その取消しについては、J-LISまたはご案内を送付した事業者にお問い合わせください。",
        "The consent that you signed before is not used. If it had reached J-LIS, a record of it may remain"
        " there; to withdraw that too, please contact J-LIS or the company that sent the letter.",
    ),
    "title_closed": ("ただいま受け付けていません", "Not available"),
    "text_closed": (
        "このご案内への回答は、現在受け付けていません。ご案内を送付した事業者にお問い合わせください。",
        "Answers to this letter are not accepted at present. Please contact the company that sent it.",
    ),
    # -- without a letter
    "title_unknown": ("ページが見つかりません", "Page not found"),
    "text_unknown": (
        "アドレスが途中で切れていないかお確かめのうえ、ご案内のQRコードをもう一度読み取ってください。",
        "Please check that the address is complete, or scan the letter's QR code again.",
    ),
    "title_busy": ("アクセスが集中しています", "Too many requests"),
    "text_busy": (
        "1分ほど待ってから、もう一度お試しください。",
        "Please wait about a minute and try again.",
    ),
    "title_failed": ("ただいま手続きできません", "This does not work at the moment"),
    "text_failed": (
        "ご不便をおかけします。少し時間をおいて、もう一度お試しください。",
        "We are sorry. Please try again in a little while.",
    ),
}


def _of(index: int) -> Mapping[str, str]:
    return MappingProxyType({name: texts[index] for name, texts in _TEXTS.items()})


#: By language, by name.
TEXTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({"ja": _of(0), "en": _of(1)})

#: What may stand behind ``?notice=``, set by us when a browser comes back; anything else is ignored.
NOTICES: Final = frozenset(
    ("app_failed", "cancelled", "pin", "certificate", "undetermined", "browser", "again", "refused", "form")
)

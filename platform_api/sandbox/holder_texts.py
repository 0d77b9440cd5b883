"""The words of the simulated signing app, Japanese and English side by side."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Japanese first.
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "skip": ("本文へ進む", "Skip to the content"),
    "title": ("電子署名(模擬)", "Sign (simulated)"),
    "banner": (
        "サンドボックスの模擬アプリです。本物のマイナンバーカードや暗証番号を使わないでください。",
        "This is the sandbox's simulated app. Do not use a real My Number Card or a real PIN.",
    ),
    "footer": ("架空の住民のためのページです。", "A page for fictional residents."),
    "other_language": ("English", "日本語"),
    "language_label": ("表示言語", "Language"),
    "what": ("署名する内容", "What you sign"),
    "institution": ("機関コード", "Institution code"),
    "service": ("サービスコード", "Service code"),
    "items": ("対象の項目", "Items"),
    "item_name": ("氏名", "Name"),
    "item_address": ("住所", "Address"),
    "item_date_of_birth": ("生年月日", "Date of birth"),
    "item_gender": ("性別", "Sex"),
    "text_version": ("説明文の版", "Version of the explanations"),
    "number": ("申請番号", "Application number"),
    "document": ("署名される文書そのもの(XML)", "The very document that is signed (XML)"),
    "who": ("署名する人", "Who signs"),
    "person": ("住民の番号", "Resident id"),
    "person_hint": ("例: r-000001", "For example r-000001"),
    "with": ("何で署名しますか", "Sign with"),
    "kind_card-sign": ("マイナンバーカード", "My Number Card"),
    "kind_mobile-sign": ("スマートフォン", "Smartphone"),
    "pin": ("署名用の暗証番号", "PIN of the signing certificate"),
    "pin_hint": ("このサンドボックスでは、だれの暗証番号も", "In this sandbox everybody's PIN is"),
    "sign": ("署名する", "Sign"),
    "cancel": ("署名しない", "Do not sign"),
    "check": ("ご確認ください", "Please check"),
    "wrong_pin": ("暗証番号が違います。残り回数:", "The PIN is wrong. Tries left:"),
    "wrong_kind": ("カードかスマートフォンを選んでください。", "Choose card or smartphone."),
    "wrong_NO_SUCH_RESIDENT": (
        "その番号の住民はいません。",
        "There is no resident with this id.",
    ),
    "wrong_NO_VALID_CARD": (
        "この人には、有効な署名用電子証明書がありません。",
        "This person has no valid signing certificate of this kind.",
    ),
    "wrong_other": ("署名できませんでした。", "It could not be signed."),
    "gone_title": ("この署名の依頼は終わっています", "This request is over"),
    "gone": (
        "時間がたったか、すでに使われました。ご案内のページからもう一度はじめてください。",
        "It is too old or was used. Please begin again at the letter's page.",
    ),
}

_BY_LANGUAGE: Final = {
    language: MappingProxyType({name: texts[index] for name, texts in _TEXTS.items()})
    for index, language in enumerate(("ja", "en"))
}


def of(language: str) -> Mapping[str, str]:
    return _BY_LANGUAGE[language]

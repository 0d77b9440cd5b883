"""The words of the population page, Japanese and English side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["ja", "en"]

#: Japanese first.
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("架空の住民", "Fictional residents"),
    "banner": (
        "架空の人物です。実在の人物・証明書ではありません。",
        "Fictional people: nobody here exists, and no certificate is real.",
    ),
    "home": ("住民の一覧", "All residents"),
    "search": ("さがす", "Search"),
    "name": ("氏名", "Name"),
    "address": ("住所", "Address"),
    "municipality": ("市区町村", "Municipality"),
    "kind": ("有効な証明書", "Valid certificate"),
    "has": ("条件", "Condition"),
    "any": ("指定なし", "any"),
    "date_of_birth": ("生年月日", "Date of birth"),
    "gender": ("性別", "Sex"),
    "furigana": ("振り仮名", "Furigana"),
    "moved_abroad": ("国外転出(予定)日", "Moved abroad on"),
    "nobody": ("見つかりませんでした。", "Nobody was found."),
    "more": ("続きをさがす", "Look further"),
    "looked_at": ("ここまで調べました", "Looked at up to"),
    "clock": ("シミュレーションの時計", "Simulated clock"),
    "published": ("最新の失効リスト", "Newest lists"),
    "day": ("日目", "day"),
    "not_begun": ("まだ始まっていません。", "It has not begun yet."),
    "begin": ("始める(30日前から)", "Begin, thirty days ago"),
    "play_day": ("1日進める", "Play a day"),
    "play_night": ("次の夜(3:00)まで", "To the next night (03:00)"),
    "caught_up": (
        "実時間に追いつきました。これ以上は進められません。",
        "The clock has caught up with real time; it cannot run ahead.",
    ),
    "faults": ("障害の注入", "Faults"),
    "no_faults": ("障害はありません。", "No fault is on."),
    "target": ("対象", "Target"),
    "times": ("回数", "Times"),
    "always": ("消すまで", "until cleared"),
    "add": ("追加する", "Add"),
    "clear": ("すべて消す", "Clear all"),
    "items": ("最新の基本4情報", "Latest four items"),
    "certificates": ("証明書", "Certificates"),
    "serial": ("発行番号", "Serial number"),
    "status": ("状態", "Status"),
    "valid": ("有効期間", "Validity"),
    "since": ("失効日時", "Revoked at"),
    "no_certificates": ("証明書は発行されていません。", "No certificate was ever issued."),
    "consents": ("同意", "Consents"),
    "no_consents": ("同意はありません。", "No consent was given."),
    "provider": ("機関", "Institution"),
    "service": ("サービス", "Service"),
    "withdraw": ("同意を取り消す(JPKI利用者ソフト)", "Withdraw (J-LIS's own application)"),
    "events": ("できごと", "Events"),
    "no_events": ("まだ何も起きていません。", "Nothing has happened yet."),
    "act": ("できごとを起こす", "Make something happen"),
    "reissue": ("新しい証明書", "New certificate"),
    "reissue_default": ("できごとの通常どおり", "as usual for the event"),
    "reissue_same_day": ("当日", "the same day"),
    "reissue_never": ("発行しない", "never"),
    "done": ("実行しました。", "Done."),
    "listed_tomorrow": ("実行しました。次の失効リストに載ります。", "Done. The next lists will say it."),
    "struck": ("住民票は消除されています。", "This person is struck from the register."),
    "substitute": ("代替文字", "substitute character"),
    "other_language": ("English", "日本語"),
    "back": ("一覧へ戻る", "Back to the list"),
    "as_of": ("時点", "as of"),
    "released": ("停止解除", "released"),
    "standing": ("有効性", "Standing"),
}

#: What may befall somebody. An event that is not here is shown by its own name.
EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "move": ("転居・転入", "move"),
    "rename": ("氏名変更", "rename"),
    "renew": ("更新", "renew the card"),
    "lose": ("カード紛失", "lose the card"),
    "hold": ("カード一時停止", "put the card on hold"),
    "stop": ("失効を申請", "give the card up"),
    "strike": ("住民票の消除", "strike from the register"),
    "reissue": ("再発行", "issue anew"),
    "minor_correction": ("軽微な修正(失効なし)", "minor correction, nothing revoked"),
    "substitute_character": ("代替文字の選び直し", "choose another substitute character"),
    "furigana": ("振り仮名の届出・訂正", "tell or correct the furigana"),
    "former_surname": ("旧氏の登録・廃止", "register or drop a former surname"),
    "correct_birth": ("生年月日の訂正", "correct the date of birth"),
    "correct_gender": ("性別の訂正", "correct the sex"),
    "moved_abroad": ("国外転出", "move abroad"),
    "hold_phone": ("スマホ一時停止(紛失)", "put the phone on hold (lost)"),
    "release_phone": ("スマホ発見・停止解除", "find the phone, release the hold"),
    "lose_phone": ("スマホ失効(紛失)", "lose the phone for good"),
    "stop_phone": ("スマホ売却・譲渡", "sell the phone"),
    "new_phone": ("新しいスマホに発行", "issue to a new phone"),
}
#: Words of the data: kinds, states, conditions. What is not here is shown as it is.
WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "card-sign": ("カード・署名用", "card, signing"),
    "card-auth": ("カード・利用者証明用", "card, authentication"),
    "mobile-sign": ("スマホ・署名用", "phone, signing"),
    "mobile-auth": ("スマホ・利用者証明用", "phone, authentication"),
    "GOOD": ("有効", "good"),
    "REVOKED": ("失効", "revoked"),
    "ON_HOLD": ("一時停止", "on hold"),
    "EXPIRED": ("期限切れ", "expired"),
    "effective": ("有効", "effective"),
    "not_reflected": ("反映待ち", "not reflected yet"),
    "not_yet_effective": ("翌日から有効", "from tomorrow"),
    "expired": ("満了", "expired"),
    "withdrawn": ("取消済み", "withdrawn"),
    "card": ("カードあり", "has a card"),
    "phone": ("スマホあり", "has a phone"),
    "authentication_only": ("利用者証明用のみ", "authentication only"),
    "no_card": ("有効なカードなし", "no valid card"),
    "no_successor": ("失効後、未再発行", "revoked, not issued anew"),
    "consent": ("同意あり", "gave a consent"),
    "substitute_characters": ("代替文字あり", "substitute characters"),
    "former_surname": ("旧氏あり", "former surname"),
    "moved_abroad": ("国外転出", "moved abroad"),
    "leap_day": ("2月29日生まれ", "born on 29 February"),
    "unknown_birth": ("生年月日不詳", "birth date not known"),
    "struck": ("消除済み", "struck"),
}
REASONS: Final[Mapping[int, tuple[str, str]]] = {
    1: ("1 鍵の危殆化・紛失", "1 key compromise"),
    2: ("2 CAの危殆化", "2 CA compromise"),
    3: ("3 記載事項の変更", "3 affiliation changed"),
    4: ("4 更新", "4 superseded"),
    5: ("5 利用終了", "5 cessation of operation"),
    6: ("6 一時停止", "6 hold"),
}


def text(key: str, language: Language) -> str:
    return TEXTS[key][0 if language == "ja" else 1]


def event(key: str, language: Language) -> str:
    return _of(EVENTS, key, language)


def word(key: str, language: Language) -> str:
    return _of(WORDS, key, language)


def _of(words: Mapping[str, tuple[str, str]], key: str, language: Language) -> str:
    found = words.get(key)
    return key.replace("_", " ") if found is None else found[0 if language == "ja" else 1]


def reason(code: int | None, language: Language) -> str:
    if code is None:
        return ""
    found = REASONS.get(code)
    return str(code) if found is None else found[0 if language == "ja" else 1]

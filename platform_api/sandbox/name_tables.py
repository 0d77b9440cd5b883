"""Tables of names for synthetic people: kanji with their readings, towns that exist nowhere."""

from __future__ import annotations

from typing import Final

#: Characters of the register that the certificate's repertoire lacks, and what may stand for them: the
#: municipality's own choice, then another that a person may ask for at a re-issue (jpki.md section 7).
SUBSTITUTES: Final = {
    "\u9ad9": ("高", "喬"),
    "\ufa11": ("崎", "埼"),
    "\U00020bb7": ("吉", "喜"),
    "\ufa10": ("塚", "冢"),
    "\u5fb7": ("徳", "悳"),
}


def _readings(text: str) -> dict[str, str]:
    return dict(word.split("/") for word in text.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FAMILY_NAMES: Final = _readings(
    "佐藤/サトウ 鈴木/スズキ 高橋/タカハシ 田中/タナカ 伊藤/イトウ 渡辺/ワタナベ 山本/ヤマモト "
    "中村/ナカムラ 小林/コバヤシ 加藤/カトウ 吉田/ヨシダ 山田/ヤマダ 佐々木/ササキ 山口/ヤマグチ "
    "松本/マツモト 井上/イノウエ 木村/キムラ 林/ハヤシ 斎藤/サイトウ 清水/シミズ 山崎/ヤマザキ "
    "森/モリ 池田/イケダ 橋本/ハシモト 阿部/アベ 石川/イシカワ 山下/ヤマシタ 中島/ナカジマ "
    "石井/イシイ 小川/オガワ 前田/マエダ 岡田/オカダ 長谷川/ハセガワ 藤田/フジタ 後藤/ゴトウ "
    "近藤/コンドウ 村上/ムラカミ 遠藤/エンドウ 青木/アオキ 坂本/サカモト 斉藤/サイトウ 福田/フクダ "
    "太田/オオタ 西村/ニシムラ 藤井/フジイ 金子/カネコ 岡本/オカモト 藤原/フジワラ 三浦/ミウラ "
    "中野/ナカノ 渡邊/ワタナベ 渡邉/ワタナベ 齋藤/サイトウ 黒桐/コクトウ \u9ad9橋/タカハシ "
    "山\ufa11/ヤマザキ \U00020bb7田/ヨシダ 大\ufa10/オオツカ \u5fb7永/トクナガ"
)
GIVEN_NAMES: Final = {
    "1": _readings(
        "大翔/ヒロト 蓮/レン 翔太/ショウタ 健一/ケンイチ 誠/マコト 隆/タカシ 浩二/コウジ "
        "直樹/ナオキ 拓也/タクヤ 大輔/ダイスケ 幹也/ミキヤ 和夫/カズオ 清/キヨシ 正雄/マサオ "
        "勇/イサム 茂/シゲル 博/ヒロシ 進/ススム 昭/アキラ 翼/ツバサ 悠真/ユウマ 湊/ミナト "
        "樹/イツキ 颯太/ソウタ 駿/シュン 亮/リョウ 剛/ツヨシ 修/オサム 明/アキラ 豊/ユタカ"
    ),
    "2": _readings(
        "陽菜/ヒナ 結衣/ユイ さくら/サクラ 美咲/ミサキ 愛/アイ 彩/アヤ 恵子/ケイコ 由美/ユミ "
        "明美/アケミ 久美子/クミコ 真由美/マユミ 幸子/サチコ 和子/カズコ 節子/セツコ 千代/チヨ "
        "花子/ハナコ 智子/トモコ 裕子/ユウコ 麻衣/マイ 舞/マイ 葵/アオイ 凛/リン 紬/ツムギ "
        "莉子/リコ 杏/アン 楓/カエデ 早苗/サナエ 緑/ミドリ 文/フミ 静香/シズカ"
    ),
}
TOWNS: Final = _words(
    "見本町 例示台 試野 架空ヶ丘 仮庭 模擬川 想定原 砂箱町 雛形 観布子南 観布子北 試\ufa10 写本通 夢路町 鏡野"
)

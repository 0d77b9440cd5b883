"""Synthetic people: names, addresses and the register's spelling as a certificate can carry it.

A certificate knows JIS X 0208 and 0212 only; another character of the register is replaced, and a flag per
character says where (jpki.md section 7). Towns are invented, so that no address of a real house comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from platform_api.sandbox.dates import date_of_birth_digits
from platform_api.sandbox.municipalities import Municipality

#: Characters of the register that the certificate's repertoire lacks, and what stands for them.
SUBSTITUTES: Final = {
    "\u9ad9": "高",
    "\ufa11": "崎",
    "\U00020bb7": "吉",
    "\ufa10": "塚",
    "\u5fb7": "徳",
}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FAMILY_NAMES: Final = _words(
    "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 清水 "
    "山崎 森 池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 "
    "斉藤 福田 太田 西村 藤井 金子 岡本 藤原 三浦 中野 渡邊 渡邉 齋藤 黒桐 "
    "\u9ad9橋 山\ufa11 \U00020bb7田 大\ufa10 \u5fb7永"
)
_GIVEN_NAMES: Final = {
    "1": _words(
        "大翔 蓮 翔太 健一 誠 隆 浩二 直樹 拓也 大輔 幹也 和夫 清 正雄 勇 茂 博 進 昭 翼 "
        "悠真 湊 樹 颯太 駿 亮 剛 修 明 豊"
    ),
    "2": _words(
        "陽菜 結衣 さくら 美咲 愛 彩 恵子 由美 明美 久美子 真由美 幸子 和子 節子 千代 花子 智子 裕子 麻衣 舞 "
        "葵 凛 紬 莉子 杏 楓 早苗 緑 文 静香"
    ),
}
_TOWNS: Final = _words(
    "見本町 例示台 試野 架空ヶ丘 仮庭 模擬川 想定原 砂箱町 雛形 観布子南 観布子北 試\ufa10 写本通 夢路町 鏡野"
)
_FULL_WIDTH: Final = str.maketrans("0123456789-", "０１２３４５６７８９－")
_FIRST_BIRTH: Final = date(1926, 12, 1)
_LAST_BIRTH: Final = date(2004, 12, 31)


@dataclass(frozen=True, slots=True, repr=False)
class FourInformation:
    """The basic four information as the certificate carries it, with flags for substitute characters."""

    name: str
    name_substitute_characters: str
    address: str
    address_substitute_characters: str
    date_of_birth: str
    gender: str

    def as_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "name_substitute_characters": self.name_substitute_characters,
            "address": self.address,
            "address_substitute_characters": self.address_substitute_characters,
            "date_of_birth": self.date_of_birth,
            "gender": self.gender,
        }


def as_certified(register_spelling: str) -> tuple[str, str]:
    """The spelling a certificate can carry, and one flag per character: 1 where a substitute stands."""
    spelling = "".join(SUBSTITUTES.get(character, character) for character in register_spelling)
    return spelling, "".join("1" if character in SUBSTITUTES else "0" for character in register_spelling)


def draw_family_name(random: Random, *, other_than: str | None = None) -> str:
    """A family name in the register's spelling."""
    while True:
        name = random.choice(_FAMILY_NAMES)
        if name != other_than:
            return name


def draw_given_name(random: Random, gender: str) -> str:
    return random.choice(_GIVEN_NAMES[gender])


def draw_address(random: Random, place: Municipality) -> str:
    """An invented address in a real municipality, in the full-width form of the certificates."""
    town = random.choice(_TOWNS)
    numbers = f"{random.randint(1, 9)}-{random.randint(1, 40)}-{random.randint(1, 899)}"
    return f"{place.prefecture}{place.name}{town}{numbers.translate(_FULL_WIDTH)}"


def draw_birth(random: Random) -> date:
    """A birth date; one in forty is born on 29 February, so that the rule for it is lived every day."""
    if random.random() < 1 / 40:
        return date(random.randrange(1928, 2004, 4), 2, 29)
    return _FIRST_BIRTH + timedelta(days=random.randrange((_LAST_BIRTH - _FIRST_BIRTH).days + 1))


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """What the register of residents knows of a person, in its own spelling."""

    family_name: str
    given_name: str
    gender: str
    born: date
    address: str
    municipality_code: str

    def four_information(self) -> FourInformation:
        name, name_flags = as_certified(f"{self.family_name}\u3000{self.given_name}")
        address, address_flags = as_certified(self.address)
        return FourInformation(
            name, name_flags, address, address_flags, date_of_birth_digits(self.born), self.gender
        )


def draw_person(random: Random, place: Municipality) -> Person:
    gender = random.choice("12")
    return Person(
        family_name=draw_family_name(random),
        given_name=draw_given_name(random, gender),
        gender=gender,
        born=draw_birth(random),
        address=draw_address(random, place),
        municipality_code=place.code,
    )

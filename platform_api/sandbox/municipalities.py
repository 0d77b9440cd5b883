"""The municipalities of the sandbox: forty real ones, each a partition of the revocation lists.

Data, not code: the local government code (全国地方公共団体コード, six digits, the last one a check digit),
the Japanese names as they stand in an address and the romanised names as they stand in a certificate.
Two of them share a romanised name (Fuchu-shi), wards of designated cities and a village are among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True)
class Municipality:
    """One municipality; ``partition`` is its stable number in the list of partitions, from 1."""

    partition: int
    code: str
    prefecture: str
    name: str
    prefecture_romanised: str
    name_romanised: str

    @cached_property
    def label(self) -> str:
        """Romanised name; where two share it, with the prefecture."""
        if _NAMESAKES[self.name_romanised] > 1:
            return f"{self.name_romanised} ({self.prefecture_romanised})"
        return self.name_romanised


def check_digit(five_digits: str) -> str:
    """Check digit of a local government code: weights 6 to 2, modulus 11, last digit of the complement."""
    weighted = sum(int(digit) * weight for digit, weight in zip(five_digits, (6, 5, 4, 3, 2), strict=True))
    return str((11 - weighted % 11) % 10)


_ROWS: Final = """
011011 北海道   札幌市中央区     Hokkaido      Sapporo-shi-Chuo-ku
012025 北海道   函館市           Hokkaido      Hakodate-shi
022012 青森県   青森市           Aomori-ken    Aomori-shi
032018 岩手県   盛岡市           Iwate-ken     Morioka-shi
041017 宮城県   仙台市青葉区     Miyagi-ken    Sendai-shi-Aoba-ku
052019 秋田県   秋田市           Akita-ken     Akita-shi
062014 山形県   山形市           Yamagata-ken  Yamagata-shi
072010 福島県   福島市           Fukushima-ken Fukushima-shi
082015 茨城県   水戸市           Ibaraki-ken   Mito-shi
092011 栃木県   宇都宮市         Tochigi-ken   Utsunomiya-shi
102016 群馬県   前橋市           Gunma-ken     Maebashi-shi
112038 埼玉県   川口市           Saitama-ken   Kawaguchi-shi
122041 千葉県   船橋市           Chiba-ken     Funabashi-shi
131016 東京都   千代田区         Tokyo-to      Chiyoda-ku
131041 東京都   新宿区           Tokyo-to      Shinjuku-ku
131121 東京都   世田谷区         Tokyo-to      Setagaya-ku
132063 東京都   府中市           Tokyo-to      Fuchu-shi
132217 東京都   清瀬市           Tokyo-to      Kiyose-shi
134210 東京都   小笠原村         Tokyo-to      Ogasawara-mura
141038 神奈川県 横浜市西区       Kanagawa-ken  Yokohama-shi-Nishi-ku
142042 神奈川県 鎌倉市           Kanagawa-ken  Kamakura-shi
152021 新潟県   長岡市           Niigata-ken   Nagaoka-shi
162019 富山県   富山市           Toyama-ken    Toyama-shi
172014 石川県   金沢市           Ishikawa-ken  Kanazawa-shi
202029 長野県   松本市           Nagano-ken    Matsumoto-shi
212016 岐阜県   岐阜市           Gifu-ken      Gifu-shi
222038 静岡県   沼津市           Shizuoka-ken  Numazu-shi
231061 愛知県   名古屋市中区     Aichi-ken     Nagoya-shi-Naka-ku
242039 三重県   伊勢市           Mie-ken       Ise-shi
252018 滋賀県   大津市           Shiga-ken     Otsu-shi
261041 京都府   京都市中京区     Kyoto-fu      Kyoto-shi-Nakagyo-ku
271276 大阪府   大阪市北区       Osaka-fu      Osaka-shi-Kita-ku
281107 兵庫県   神戸市中央区     Hyogo-ken     Kobe-shi-Chuo-ku
292010 奈良県   奈良市           Nara-ken      Nara-shi
332020 岡山県   倉敷市           Okayama-ken   Kurashiki-shi
342084 広島県   府中市           Hiroshima-ken Fuchu-shi
372013 香川県   高松市           Kagawa-ken    Takamatsu-shi
392014 高知県   高知市           Kochi-ken     Kochi-shi
401331 福岡県   福岡市中央区     Fukuoka-ken   Fukuoka-shi-Chuo-ku
472018 沖縄県   那覇市           Okinawa-ken   Naha-shi
"""


def _parse(rows: str) -> tuple[Municipality, ...]:
    found = []
    for partition, row in enumerate(rows.strip().splitlines(), start=1):
        code, prefecture, name, prefecture_romanised, name_romanised = row.split()
        found.append(Municipality(partition, code, prefecture, name, prefecture_romanised, name_romanised))
    return tuple(found)


MUNICIPALITIES: Final[tuple[Municipality, ...]] = _parse(_ROWS)
BY_CODE: Final[Mapping[str, Municipality]] = {place.code: place for place in MUNICIPALITIES}
_NAMESAKES: Final = Counter(place.name_romanised for place in MUNICIPALITIES)

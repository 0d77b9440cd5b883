"""``addresses.json`` as patterns. In its phrases ``K`` is any kanji (or a substitute) and ``N`` any digit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from platform_api.differences.characters import MARK

TABLE: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_name("addresses.json").read_text(encoding="utf-8")
)
#: Hiragana before counts as well: つつじが丘.
_KANJI: Final = f"々㐀-鿿豈-﫿𠀀-\U0003ffff{MARK}ぁ-ん0-9"
_DIGIT: Final = "0-9"


def _compiled(section: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for rule in TABLE[section]:
        pattern = rule["from"].replace("[K]", f"[{_KANJI}]").replace("[KN]", f"[{_KANJI}]")
        found.append((re.compile(pattern.replace("[N]", f"[{_DIGIT}]")), rule["to"]))
    return tuple(found)


PREFECTURE: Final = re.compile("|".join(TABLE["prefectures"]))
#: 北海道虻田郡倶知安町: the county is often left out; not a city with 郡 in its name (郡山市, 大和郡山市).
COUNTY: Final = re.compile("[^市区町村]{1,4}郡(?=[^市区]{1,6}[町村])")
POSTAL_CODE: Final = re.compile(r"\A(?:〒? ?[0-9]{3}-?[0-9]{4} +|〒 ?[0-9]{3}-?[0-9]{4} *)")
UNIT: Final = re.compile("|".join(rule["pattern"] for rule in TABLE["units"]))
JOINT: Final = re.compile("|".join(TABLE["joints"]))
PHRASES: Final = _compiled("phrases")
BUILDINGS: Final = _compiled("buildings")

"""How many answers with items a service may have in one Japanese day. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from platform_api.consents.model import JST, jst_date
from platform_api.problems import Problem


def day_began(now: datetime) -> datetime:
    """The last midnight in Japan."""
    return datetime.combine(jst_date(now), time(0, 0, 0), JST)


def cap_reached(now: datetime) -> Problem:
    """With the seconds to the next midnight in Japan, never none."""
    wait = day_began(now) + timedelta(days=1) - now
    return Problem(
        429,
        "FOUR_INFORMATION_CAP",
        en="This service has had as many answers with four items today as the server allows; ask again "
        "tomorrow (Japanese time), or ask the operator to raise the cap.",
        ja="このサービスの本日の取得件数が上限に達しました。翌日(日本時間)に再度取得するか、運営者に上限の変更を依頼してください。",
        headers={"Retry-After": str(max(1, -(-wait // timedelta(seconds=1))))},
    )

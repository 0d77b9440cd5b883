"""What an exception is to the caller: of one we know, its problem; of any other, only that it happened."""

from __future__ import annotations

from platform_api.db.failures import DATABASE_AWAY
from platform_api.problems import Problem
from revocation.errors import InputRefused, OutsideFailed, RevocationError


def problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, InputRefused):
        return Problem(
            422,
            error.code,
            en="What was sent cannot be used; see code and the documentation.",
            ja="送られた内容は利用できません。codeを確認してください。",
        )
    if isinstance(error, OutsideFailed):
        return Problem(
            503,
            error.code,
            en="A system that this answer needs does not answer; ask again later.",
            ja="必要な外部システムが応答しません。後でもう一度試してください。",
            headers={"Retry-After": "5"},
        )
    if isinstance(error, DATABASE_AWAY):
        return Problem(
            503,
            "DATABASE_UNAVAILABLE",
            en="The database does not answer; ask again in a moment.",
            ja="データベースが応答しません。少し待って再送してください。",
            headers={"Retry-After": "1"},
        )
    return Problem(
        500,
        error.code if isinstance(error, RevocationError) else "INTERNAL",
        en="The service failed; tell the operator the request id.",
        ja="サービス内部の誤りです。request_idを運営者に伝えてください。",
    )

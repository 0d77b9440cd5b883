from typing_extensions import Buffer

def columns(
    before: bytes,
    groups: Buffer,
    reasons: Buffer,
    dates: Buffer,
    words: list[bytes],
    rows: list[bytes | None],
    listed: list[bool],
) -> bytes: ...

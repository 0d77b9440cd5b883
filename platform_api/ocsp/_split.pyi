from typing import Final, Literal, TypedDict

Verdict = Literal["partial", "whole", "odd", "too_long", "too_large"]

PARTIAL: Final = "partial"
WHOLE: Final = "whole"
ODD: Final = "odd"
TOO_LONG: Final = "too_long"
TOO_LARGE: Final = "too_large"

class Head(TypedDict):
    head_end: int
    method: str
    target: bytes
    minor_version: int
    keep_alive: bool
    content_length: int | None
    chunked: bool
    expect_continue: bool
    authorization: bytes | None
    if_none_match: bytes | None
    content_encoding_identity: bool

def head(octets: bytes | bytearray | memoryview) -> tuple[Verdict, Head | None]: ...
def chunked(
    octets: bytes | bytearray | memoryview, room: int
) -> tuple[Verdict, bytes | None, int | None]: ...
def request_of(text: bytes | bytearray | memoryview) -> bytes | None: ...

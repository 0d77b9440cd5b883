from datetime import datetime

GOOD: int
REVOKED: int
UNKNOWN: int

def whole_second(at: datetime) -> datetime: ...
def single_response(
    cert_id: bytes,
    status: int,
    this_update: datetime,
    next_update: datetime,
    revoked_at: datetime | None = None,
    reason: int = -1,
) -> bytes: ...

class ResponseTemplate:
    def __init__(self, key_hash: bytes, algorithm: bytes, certificate: bytes | None = None) -> None: ...
    def to_be_signed(
        self,
        singles: bytes,
        produced_at: datetime,
        nonce: bytes | None = None,
        extended_revoke: bool = False,
    ) -> bytes: ...
    def response(self, to_be_signed: bytes, signature: bytes) -> bytes: ...

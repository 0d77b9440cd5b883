"""A holder with a card: writes the application of a consent and signs it, as a platform would let them do."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from platform_api.sandbox.world import World

EVERYTHING = ("name", "address", "date_of_birth", "gender")


def application(
    *,
    service_code: str = "bank-accounts",
    items: Sequence[str] = EVERYTHING,
    application_id: str = "a-1",
    created_at: str = "2026-11-22T11:55:00Z",
    version: str = "1.0",
) -> bytes:
    rows = "".join(f"<項目>{item}</項目>" for item in items)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<利用者同意申請情報><版>{version}</版><機関コード>bank</機関コード>"
        f"<サービスコード>{service_code}</サービスコード><項目群>{rows}</項目群><文面版>2026-05</文面版>"
        f"<申請番号>{application_id}</申請番号><作成日時>{created_at}</作成日時></利用者同意申請情報>"
    ).encode()


def withdrawal(
    *,
    service_code: str = "bank-accounts",
    consent_application_id: str = "a-1",
    application_id: str = "w-1",
    created_at: str = "2026-11-22T11:55:00Z",
    institution_code: str = "bank",
) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<利用者同意取消申請情報><版>1.0</版><機関コード>{institution_code}</機関コード>"
        f"<サービスコード>{service_code}</サービスコード>"
        f"<同意申請番号>{consent_application_id}</同意申請番号><申請番号>{application_id}</申請番号>"
        f"<作成日時>{created_at}</作成日時></利用者同意取消申請情報>"
    ).encode()


def signed(
    world: World, number: int, octets: bytes, *, service_code: str = "bank-accounts"
) -> dict[str, Any]:
    """The request's body, signed with the resident's newest card."""
    certificate = world.resident(f"r-{number:06d}").certificates[-1]
    signature, algorithm = world.sign(certificate, octets)
    return {
        "service_code": service_code,
        "application": text(octets),
        "signature": text(signature),
        "signature_algorithm": algorithm,
        "certificate": text(world.maker.der(certificate)),
    }


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")

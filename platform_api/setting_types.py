"""Shapes of settings that several parts have: addresses, ids of CAs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

HttpUrl = Annotated[
    str, Field(pattern=r"^https?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~/-]*)?$", max_length=500)
]
CaId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]

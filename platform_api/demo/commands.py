"""The commands that the demo prints for the reader to try, exactly as they can be pasted.

A test runs each as printed: what stands here works, or the suite fails.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from platform_api.demo.lifelog import CertificateKey


@dataclass(frozen=True, slots=True)
class Try:
    """One command and what it shows."""

    shows: str
    shows_ja: str
    command: str


def commands_to_try(
    *,
    service: str,
    sandbox: str,
    data: Path,
    api_key: str,
    service_id: str,
    registration_id: str,
    resident_id: str,
    revoked: CertificateKey,
    issuer: Path,
    responder: Path,
    jpki: str,
) -> list[Try]:
    """Status, OCSP, feed, then a person who moves and the event that comes of it."""
    auth = f"-H 'Authorization: Bearer {api_key}'"
    check = (
        '{"purpose":"current_status_check","registration_id":"%s"}' % registration_id  # noqa: UP031
    )
    night = (
        f"curl -fsS -X POST {sandbox}/sandbox/v1/days:play -H 'Content-Type: application/json' "
        '-d "{\\"this_update\\":\\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\\"}"'
    )
    invitation = (
        '{"service_id":"%s","registration_id":"%s","items":["name","address"],"expires_in_days":30}'  # noqa: UP031
        % (service_id, registration_id)
    )
    quoted = shlex.quote(str(data))
    return [
        Try(
            "one registered customer's certificate, with the evidence",
            "登録済みのお客さま1人の証明書の状態と根拠",
            f"curl -fsS {service}/v1/certificates:check {auth} "
            f"-H 'Content-Type: application/json' -d '{check}'",
        ),
        Try(
            "a revoked certificate, asked and verified by OpenSSL (our pinned responder certificate)",
            "失効した証明書をOpenSSLで照会し署名を検証",
            f"openssl ocsp -issuer {shlex.quote(str(issuer))} -serial 0x{revoked.serial_number} "
            f"-url {service}/ocsp -VAfile {shlex.quote(str(responder))}",
        ),
        Try(
            "what the institution was told so far",
            "金融機関などに通知済みのイベント",
            f"curl -fsS '{service}/v1/events?after=0&page_size=5' {auth}",
        ),
        Try(
            "somebody moves house ...",
            "お客さま1人が引っ越し…",
            f"curl -fsS -X POST {sandbox}/sandbox/v1/residents/{resident_id}:move "
            "-H 'Content-Type: application/json' -d '{\"reissue\":\"same_day\"}'",
        ),
        Try("... J-LIS signs new lists ...", "…J-LISが新しい失効リストを発行…", night),
        Try(
            "... the night runs ...",
            "…夜間処理を実行…",
            f"JPKI_MODE=sandbox JPKI_JLIS_URL={sandbox} JPKI_SANDBOX_URL={sandbox} "
            f"{jpki} nightly --data {quoted} --json",
        ),
        Try(
            "... and the event is in the feed",
            "…イベントが届く",
            f"curl -fsS '{service}/v1/events?after=0&page_size=1000' {auth} | tail -c 700",
        ),
        Try(
            "a letter to a customer: open its url in a browser, and sign as that fictional person",
            "お客さまへの同意のご案内。urlをブラウザーで開き、その架空の人物として署名",
            f"curl -fsS {service}/v1/consent-invitations {auth} -H 'Content-Type: application/json' "
            f"-d '{invitation}' | cut -c1-160",
        ),
        Try(
            f"the fictional people themselves ({sandbox}/people in a browser)",
            f"架空の住民(ブラウザーでは {sandbox}/people)",
            f"curl -fsS '{sandbox}/sandbox/v1/people?limit=1'",
        ),
        Try(
            "figures for Prometheus",
            "Prometheus用の指標",
            f"curl -fsS {service}/metrics | grep -E '^revocation_' | head",
        ),
    ]

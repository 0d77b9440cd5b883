"""Heads of OCSP requests as real clients send them."""

from __future__ import annotations

from tests.features.request_heads import head

JAVA = head(
    "Content-Type: application/ocsp-request", "Accept: application/ocsp-response", "User-Agent: Java/17.0.1",
    "Connection: keep-alive", "Content-Length: 76", host="Host: ocsp.example.jp:8080",
)  # fmt: skip
OPENSSL = head("Content-Type: application/ocsp-request", "Content-Length: 110", start="POST / HTTP/1.0")
CURL = head("Accept: */*", "Expect: 100-continue", "Transfer-Encoding: chunked", "User-Agent: curl/8.5.0")
NSS = head(start="GET /ocsp/MFIwUDBOMEwwSjAJBgUrDgMCGgUABBQ%2B%2F HTTP/1.0", host=None)

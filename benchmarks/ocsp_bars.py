"""What the OCSP figures must come to, and what each is measured against, in words."""

from __future__ import annotations

from typing import Final

from benchmarks.core import Bar
from benchmarks.json_batch_figures import JSON_BATCH_BARS, JSON_BATCH_WORDS

OCSP_BARS: Final[dict[str, Bar]] = {
    "cached_post_vs_nginx_static": Bar("higher", 0.75, 0.9),
    "cached_cpu_vs_nginx_return200": Bar("higher", 0.5, 0.62),
    "cached_post_anonymous_vs_nginx_static": Bar("higher", 0.8, 1.0),
    "cached_get_vs_post": Bar("higher", 0.85, 1.0),
    "mixed_traffic_vs_pure": Bar("higher", 0.6, 0.8),
    "cached_vs_plain_aiohttp": Bar("higher", 2.5, 3.2),
    "cached_vs_go_presigned": Bar("higher", 1.3, 1.7),
    "nonce_p256_vs_openssl_speed": Bar("higher", 0.5, 0.6),
    "nonce_rsa2048_vs_openssl_speed": Bar("higher", 0.9, 0.96),
    "p99_vs_nginx_at_half_load": Bar("lower", 2, 1.5),
    "swap_p99_vs_no_swap": Bar("lower", 2, 1.3),
    "tls_vs_plain": Bar("higher", 0.65, 0.75),
    "workers2_vs_1": Bar("higher", 0.9, 1.0),
    **JSON_BATCH_BARS,
}

OCSP_WORDS: Final[dict[str, tuple[str, str]]] = {
    "cached_post_vs_nginx_static": (
        "POST, signed before, certificate included: caller identified, entitled, rate-limited, metered",
        "nginx, a static file, as many octets on the wire",
    ),
    "cached_cpu_vs_nginx_return200": (
        "the same by processor time",
        "nginx `return 200` of the body's length",
    ),
    "cached_post_anonymous_vs_nginx_static": ("the same for anybody", "nginx, a static file"),
    "cached_get_vs_post": ("GET, for anybody", "POST"),
    "mixed_traffic_vs_pure": (
        "1 % chunked, by GET or with long heads; 5 % with a nonce; 30 % sent in two pieces",
        "the first row",
    ),
    "cached_vs_plain_aiohttp": ("POST, for anybody", "an aiohttp handler with every answer in a dict"),
    "cached_vs_go_presigned": ("POST, for anybody", "Go net/http with every answer in a map, one core"),
    "nonce_p256_vs_openssl_speed": ("POST with a nonce, P-256", "`openssl speed` signatures"),
    "nonce_rsa2048_vs_openssl_speed": ("POST with a nonce, RSA-2048", "`openssl speed` signatures"),
    "p99_vs_nginx_at_half_load": ("p99, open loop, half of what it can", "nginx's at the same rate"),
    "swap_p99_vs_no_swap": ("p99 while sets are published", "p99 while as many are published elsewhere"),
    "tls_vs_plain": ("POST over TLS 1.3, keep-alive", "the same without TLS"),
    "workers2_vs_1": ("processor time a request, one process", "two processes"),
    **JSON_BATCH_WORDS,
}

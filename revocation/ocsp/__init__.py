"""OCSP (RFC 6960, RFC 9654, RFC 9919): requests in, signed answers out; no HTTP here."""

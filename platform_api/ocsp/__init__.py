"""OCSP over HTTP (RFC 6960 appendix A, RFC 9919): the ordinary route."""

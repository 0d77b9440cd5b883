"""Real OCSP clients against a running responder: ``make test-clients``."""

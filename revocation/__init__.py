"""Certificates and certificate revocation lists: accept, index, publish, answer. Knows no institution, no database."""

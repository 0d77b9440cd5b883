"""Certificates and revocation lists: accept, index, publish, answer. No institution, no database."""

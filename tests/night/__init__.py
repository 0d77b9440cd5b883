"""Nights end to end: real processes, real PostgreSQL, real lists, real signals."""

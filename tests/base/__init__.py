"""Tests of the platform's base: database, application, sealing, logs."""

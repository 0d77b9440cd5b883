"""Institutions: who they are, their services, their API keys, and what they may ask."""

"""Signed consents to the fetching of four items: application, verification, validity."""

"""Invitations to consent: a letter with a QR code, the customer's page, and the institution's confirmation."""

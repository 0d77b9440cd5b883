"""Invitations to consent: a letter with a QR code, the customer's page, the confirmation."""

"""JPKI certificates as we are shown them: profile, issuer, items, and the signature made with them."""

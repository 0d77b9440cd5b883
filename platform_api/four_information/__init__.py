"""The latest four items: asked of J-LIS with an effective consent, handed over, kept nowhere."""

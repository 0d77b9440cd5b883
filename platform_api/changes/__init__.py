"""From a revocation to the customer it touches: decision, event, gap-free feed."""

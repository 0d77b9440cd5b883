"""The service for institutions: who may ask what, what changed for whom, and the latest four items."""

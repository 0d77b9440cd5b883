"""The sandbox's fictional people by way of the service: for institutions that test, never in live mode."""

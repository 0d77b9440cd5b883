"""Mutation testing of the code that decides: acceptance, status, publish. ``make mutation``; slow."""

"""Automatic refresh: whose certificate moved is asked about, within a policy, by schedule, until told."""

"""Tests of the features an institution sees."""

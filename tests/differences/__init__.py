"""The library that names differences."""

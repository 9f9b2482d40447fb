"""Helpers that the tests of every room share."""

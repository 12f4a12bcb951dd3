"""Algorithms that a trial tests."""

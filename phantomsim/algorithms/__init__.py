"""Algorithms that a trial tests: the interface, adapters for outside code, and built-in baselines."""

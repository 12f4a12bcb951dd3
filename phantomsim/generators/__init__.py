"""Generators of phantoms."""

"""Trials: from a specification to a verdict."""

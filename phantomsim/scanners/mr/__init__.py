"""Magnetic resonance."""

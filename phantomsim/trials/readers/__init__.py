"""Readers: observers and metrics."""

"""Scanners: physics from a phantom to an image."""

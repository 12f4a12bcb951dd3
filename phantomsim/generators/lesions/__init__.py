"""Lesions: shapes, placement and truth."""

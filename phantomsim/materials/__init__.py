"""Tissues and materials: composition, attenuation, spectra, relaxation."""

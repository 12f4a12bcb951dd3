"""Virtual clinical trials of medical imaging algorithms."""

__version__ = "0.1.0"

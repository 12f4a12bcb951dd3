"""X-ray computed tomography."""

"""Drawings of a report: SVG whose colours follow the page's light or dark scheme."""

"""File formats in and out; the only place that knows a foreign axis order."""

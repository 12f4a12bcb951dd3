"""What detectors make of photons: mean readings, their noise, crosstalk, and the grid before them."""

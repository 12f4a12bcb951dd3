"""The signal engine: contrast of each tissue from phase graphs, k-space from few Fourier transforms."""

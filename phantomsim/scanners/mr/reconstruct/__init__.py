"""From k-space to images."""

from phantomsim.scanners.mr.reconstruct.fourier import hann, to_image
from phantomsim.scanners.mr.reconstruct.sense import unfold, unfolding, whitening

__all__ = ["hann", "to_image", "unfold", "unfolding", "whitening"]

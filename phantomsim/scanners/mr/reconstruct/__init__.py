"""From k-space to images."""

from phantomsim.scanners.mr.reconstruct.combine import root_sum_of_squares
from phantomsim.scanners.mr.reconstruct.fourier import folded_images, hann, to_image
from phantomsim.scanners.mr.reconstruct.sense import unfold, unfolding, whitening

__all__ = ["folded_images", "hann", "root_sum_of_squares", "to_image", "unfold", "unfolding", "whitening"]

"""Line integrals by Joseph's method and their adjoint: the parts of `phantomsim.scanners.ct.projector`."""

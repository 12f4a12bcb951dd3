"""Iterative reconstruction: every method on one projector and one interface (`reconstruct.reconstruct`)."""

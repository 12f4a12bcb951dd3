"""Scattered radiation: photon transport by Monte Carlo, a fast estimate, and its correction."""

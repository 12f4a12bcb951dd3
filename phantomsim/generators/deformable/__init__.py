"""Patients by deforming a mean anatomy, learned from segmentations of real people."""

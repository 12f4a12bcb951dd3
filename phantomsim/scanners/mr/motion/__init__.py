"""Patients who move during the scan, with the truth kept."""

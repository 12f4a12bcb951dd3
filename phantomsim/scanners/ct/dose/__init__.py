"""Dose: tube current modulation, CTDI by Monte Carlo, patient size, what a scan costs and what a wish for it means."""

"""Patients made of ellipsoids, superquadrics and tubes."""

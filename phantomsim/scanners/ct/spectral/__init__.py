"""Several energies: from channels to basis materials, and from those to mono-energetic and iodine images."""

"""From raw data of a scan to an image: which reconstruction gets what."""

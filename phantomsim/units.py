"""Units are suffixes of names, in Python, TOML and Zarr alike; conversions happen only in `formats`."""

MM3_PER_ML = 1000.0
CM_PER_MM = 0.1

#: Every suffix that a name may end in, with what it means (used by spec errors: "mAs, not mas").
SUFFIXES = {
    "mm": "millimetre",
    "mL": "millilitre",
    "keV": "kiloelectronvolt",
    "kVp": "peak tube voltage, kilovolt",
    "mGy": "milligray",
    "mAs": "tube current x time, milliampere-second",
    "ms": "millisecond",
    "s": "second",
    "T": "tesla",
    "Hz": "hertz",
    "deg": "degree",
    "ppm": "parts per million",
    "HU": "Hounsfield unit",
    "g_per_cm3": "gram per cubic centimetre",
}

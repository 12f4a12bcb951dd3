"""Fields that are not what the scanner was told to make: B0 in a patient, shim, transmit and concomitant fields."""

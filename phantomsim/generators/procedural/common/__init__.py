"""Ways of drawing that several regions share."""

"""Teachers that follow learning progress, per cell or in a box of settings."""

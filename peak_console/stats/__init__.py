"""Statistics, pure: figures that a screen or a gate may rely on."""

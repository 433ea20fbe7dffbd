"""USB relay boards of LC Technology (LCUS-1 to LCUS-8)."""

"""Projections: figures, reservations and breakers, folded in the append's transaction."""

"""Incidents: what opens one, what becomes of it, what is captured, and whom it is told."""

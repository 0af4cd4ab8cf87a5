"""Schedules and their runs: when one is due, what happens to one that was missed, who may claim it."""

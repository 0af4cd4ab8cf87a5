"""The index of runs and words, in a file of its own, filled behind."""

"""Sealed evidence packs: everything of a run, with proofs, under one signature."""

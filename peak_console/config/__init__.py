"""Configs of a workspace: where they lie, what they mean, and whether they may be used."""

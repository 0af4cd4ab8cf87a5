"""Screens and panels: one ``.py`` and its ``.tcss`` side by side."""

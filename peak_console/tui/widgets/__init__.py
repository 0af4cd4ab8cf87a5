"""Widgets that know nothing of ledgers or calls."""

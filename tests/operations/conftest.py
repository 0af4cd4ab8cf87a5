"""Fixtures of the operations' tests."""

from support.begun import begun

__all__ = ["begun"]

"""Verification: the chain from stored bytes, figures folded again, signed heads held against it."""

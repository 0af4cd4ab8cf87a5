"""Frozen snapshots for screens, folded from the ledger and the control folder by a :class:`Source`.

The snapshot modules import the standard library and ``domain`` only, so that the console can draw its first
frame before anything heavier is loaded; what reads a ledger stands in ``live_source``.
"""

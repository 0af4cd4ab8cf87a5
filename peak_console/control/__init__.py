"""Leases, stop and enable, the gate. This file imports nothing: ``control.stop`` must load fast."""

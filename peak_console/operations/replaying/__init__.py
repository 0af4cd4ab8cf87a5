"""Every recorded decision of a run judged again, from what the ledger holds."""

"""The ledger as of any event: what a reader of that moment would have seen."""

"""Who selected which model and why, and what stood then: told from the ledger alone."""

"""The engine room: one process per workspace writes the ledger, renews the lease and watches. It composes."""

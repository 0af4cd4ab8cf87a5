"""The ledger: append-only, hash-chained events in SQLite, one writer behind a Unix socket, many readers."""

"""The ledger's server and clients: a Unix socket, group commit, who may append what."""

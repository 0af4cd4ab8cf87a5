"""The critic: which slot judges what and when, strict verdicts, and the service that asks and records."""

"""The road of a governed call: plan, posture, ledger, lease, provider, ledger."""

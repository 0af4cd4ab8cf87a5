"""Money before and after a call: price arithmetic and reservation rules. Pure."""

"""Pure: what of an order the L5 gate lets through, how an intent is made, the shadow book."""

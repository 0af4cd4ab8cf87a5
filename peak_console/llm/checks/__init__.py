"""Whether providers can be called: keys, address, clock, region, models and their ends. Spends nothing."""

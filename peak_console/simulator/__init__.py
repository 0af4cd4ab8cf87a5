"""A server that speaks the providers' wire formats on loopback: seeded latencies, errors, outages, verdicts.

It stands apart from the rest of the program and never shares code with the adapters that talk to it, so that
a misread wire format shows as a failure and not as an agreement.
"""

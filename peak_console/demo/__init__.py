"""The demo's traffic: an ordinary client process that drives every layer over the governed road."""

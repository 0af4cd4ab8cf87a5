"""Shadow: cycles on real inputs without orders, and drift of the models that answer."""

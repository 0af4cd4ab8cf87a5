"""What the node serves over HTTP on loopback, from a process of its own: ``/metrics`` and ``/healthz``."""

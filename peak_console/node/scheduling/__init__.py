"""The node's scheduler: what is due is claimed in ``audits/state.db``, told, and run by a worker."""

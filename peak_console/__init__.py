"""Peak Console: the control plane under layered LLM agents, and the operations console above them."""

"""The network room: one transport, its deadlines and limits; nothing else imports httpx."""

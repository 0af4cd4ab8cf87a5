"""The wire formats of the providers: pure functions from calls to requests and from responses to outcomes."""

"""The hall: one function or small service for each thing an operator can do; it prints nothing."""

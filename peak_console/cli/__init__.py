"""The command line: one file a command group. Importing this package loads nothing."""

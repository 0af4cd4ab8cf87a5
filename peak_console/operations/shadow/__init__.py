"""What people see and do of shadow: cycles, drift, books."""

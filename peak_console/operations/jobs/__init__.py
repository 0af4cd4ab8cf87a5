"""What people see and do of scheduled jobs, and the process that runs one."""

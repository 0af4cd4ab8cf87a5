"""What is kept and what goes: backup, salvage, retention, export and import."""

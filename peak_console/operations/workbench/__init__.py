"""The workbench of configs: draft, check, weigh, save, look back, roll back."""

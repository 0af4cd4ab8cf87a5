"""Editing configs as text: changes by key that keep comments and order, differences, and merging."""

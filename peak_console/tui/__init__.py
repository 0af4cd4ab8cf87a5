"""The terminal console: screens draw frozen snapshots, a feed reads them, actions act through the hall."""

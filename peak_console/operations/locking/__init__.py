"""The lock of verified models: written, checked, shown, compared and put back."""

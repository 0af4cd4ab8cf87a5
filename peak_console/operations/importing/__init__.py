"""Importing configs of another form, unchanged; every mapping, loss and conflict is listed."""

"""Incidents as operators handle them: reading, acting, telling."""

"""Stands in for the original library."""

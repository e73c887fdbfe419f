"""Hear: one file a source."""

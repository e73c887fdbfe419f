"""Understand: text to language, sentiment, urgency and reasons, on this machine."""

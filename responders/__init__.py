"""Decide and answer: triage, SLA clocks, metrics, saved replies, drafts."""

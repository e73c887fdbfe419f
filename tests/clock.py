"""The moment every test is told it is, unless it is about another one: a Monday noon."""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

"""Exit codes, the same for every command (docs/operations.md)."""

OK = 0
FAILED = 1
"""The command ran and could not do what was asked."""
USAGE = 2
"""The configuration or the call needs mending."""
PARTLY = 3
"""Done, but some rows were kept aside or some parts failed; the output says which."""

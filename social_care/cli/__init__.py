"""The command line: one file a noun, each thin: parse, call, print."""

from social_care.cli.main import main

__all__ = ["main"]

"""Drafting for a case: load it, ask the drafter, write the draft. Never posts, never approves."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

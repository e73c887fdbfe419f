"""Drafting for a case: load it, ask the drafter, write the draft. Never posts, never approves."""

from datetime import datetime
from typing import TYPE_CHECKING

from social_care.workspace import Workspace

if TYPE_CHECKING:
    from storage.desk import DraftReport

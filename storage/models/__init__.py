"""The vocabulary of the whole project: one class a word, validated data and row in one place.

Rooms: `facts` (what platforms said), `understanding` (what models and people said about it),
`care` (what we decided and did), `upkeep` (what keeps the line running).
"""

from storage.models.care import Approval, Case, Draft, Reply, SlaClock
from storage.models.facts import (
    Author,
    AuthorData,
    Brand,
    Mention,
    MentionData,
    MentionVersion,
    Tombstone,
    Topic,
)
from storage.models.understanding import Label, Score
from storage.models.upkeep import Audit, Coverage, Lease, ListenerState, Notice, Rejected, Slot

__all__ = [
    "Approval",
    "Audit",
    "Author",
    "AuthorData",
    "Brand",
    "Case",
    "Coverage",
    "Draft",
    "Label",
    "Lease",
    "ListenerState",
    "Mention",
    "MentionData",
    "MentionVersion",
    "Notice",
    "Rejected",
    "Reply",
    "Score",
    "SlaClock",
    "Slot",
    "Tombstone",
    "Topic",
]

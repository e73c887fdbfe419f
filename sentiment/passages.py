"""How a post of any length is shown to a model that reads a thousand characters at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sentiment.text import MAX_CHARACTERS, model_text

MAX_PASSAGES = 32
"""Passages of a thousand characters that are read of one post: 32,000 characters, longer than any network allows
but the longest. Of a longer text the head, the tail and evenly spaced passages between them are read."""
_CUT_BACK = 80


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a post is read.

    Attributes:
        shown: The normalised text for the model.
        read: The text as written, without the passages left out: for language, signals and reply.
        passages: Passages the post has.
        kept: Passages of it that are read.
    """

    shown: str
    read: str
    passages: int
    kept: int

    @property
    def note(self) -> str | None:
        """Say what was left out; None when everything was read."""
        return None if self.kept == self.passages else f"{self.kept} of {self.passages} passages read"


def read_whole(text: str) -> Reading:
    """Prepare a post for reading; see `MAX_PASSAGES` for what is left out of very long ones."""
    if len(text) <= MAX_CHARACTERS:
        return Reading(model_text(text), text, 1, 1)
    if len(text) <= MAX_CHARACTERS * MAX_PASSAGES:
        passages = _cut(text)
        kept = passages
        count = len(passages)
    else:
        count = -(-len(text) // MAX_CHARACTERS)
        chosen = [round(i * (count - 1) / (MAX_PASSAGES - 1)) for i in range(MAX_PASSAGES)]
        kept = [text[i * MAX_CHARACTERS : (i + 1) * MAX_CHARACTERS] for i in chosen]
    shown = " ".join(filter(None, map(model_text, kept)))
    return Reading(shown, text if len(kept) == count else "\n".join(kept), count, len(kept))


def _cut(text: str) -> list[str]:
    """Cut into passages, between words where a space is near."""
    passages = []
    start = 0
    while start < len(text):
        end = min(start + MAX_CHARACTERS, len(text))
        if end < len(text):
            space = text.rfind(" ", end - _CUT_BACK, end)
            end = space if space > start else end
        passages.append(text[start:end])
        start = end
    return passages

"""What every section of a digest is told: the open session, the window, whose mentions, and the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from social_care.config import Settings
from social_care.digest.window import Window


@dataclass(frozen=True)
class Scope:
    """One digest's frame. `brand` is the one brand asked for, or None for all; `brand_ids` is empty for all."""

    session: Session
    settings: Settings
    window: Window
    before: Window
    now: datetime
    brand: str | None
    brand_ids: Sequence[int]

    @property
    def end(self) -> datetime:
        """The end of the window, or now where the window reaches into the future."""
        return min(self.window.until, self.now)

    def brand_words(self) -> list[str]:
        """The option that narrows a command to the brand, where one was asked for."""
        return ["--brand", self.brand] if self.brand is not None else []

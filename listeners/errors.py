"""Errors of listening, named by what happens next. Messages carry network and status, never tokens or texts."""

from datetime import datetime

from storage.errors import SocialCareError


class SourceError(SocialCareError):
    """Base of what a listener may raise while polling."""


class RateLimited(SourceError):
    """The network asked us to wait: poll again at `until` (aware, UTC)."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Transient(SourceError):
    """Timeout, 5xx, broken body: the same poll may work later. The scheduler backs off."""


class AuthFailed(SourceError):
    """Credentials missing, revoked or lacking a right: the listener is parked until a person acts."""


class BadItem(SourceError):
    """One item could not be understood: skip it, keep it aside, count it."""

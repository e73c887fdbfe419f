"""The keys of a Reddit listener, and who it signs in as."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator

from listeners.ports import ListenerContext
from storage.errors import ConfigError

if TYPE_CHECKING:
    from listeners.clients.reddit import RedditAccess


class RedditSettings(BaseModel):
    """The keys of a Reddit listener in `social-care.toml`."""

    model_config = ConfigDict(extra="forbid")

    credentials: str = Field(default="reddit", pattern=r"^[a-z0-9-]+$")
    """Secrets are `<credentials>-client-id`, `-client-secret`, and `-password` or `-refresh-token`."""
    username: str = Field(default="", pattern=r"^[\w-]{0,32}$")
    """The brand's own account (script app): its inbox is read. Needs the secret `<credentials>-password`."""
    refresh: bool = False
    """Sign in with the secret `<credentials>-refresh-token` instead of a password."""
    subreddits: list[str] = Field(default_factory=list, max_length=100)
    """Search only here, and read every new comment here; empty searches all of Reddit."""
    first_hours: int = Field(default=24, ge=1, le=24 * 30)
    lag_hours: int = Field(default=48, ge=1, le=24 * 14)
    """How long posts that were found are watched for edits, deletions and comments."""
    reread_minutes: int = Field(default=60, ge=1)
    """How often a watched thread is read again although its number of comments is the same."""
    overlap_minutes: int = Field(default=60, ge=0, le=24 * 60)
    """How far before the last reading a listing is read again: Reddit's search shows posts late."""
    max_requests: int = Field(default=60, ge=2, le=600)
    """Requests per poll; what is left is read by the next one."""
    reddit_url: str = "https://www.reddit.com"
    oauth_url: str = "https://oauth.reddit.com"
    timeout: float = Field(default=20.0, gt=0, le=300)

    @field_validator("subreddits")
    @classmethod
    def _names(cls, value: list[str]) -> list[str]:
        names = [name.strip().removeprefix("/").removeprefix("r/").strip("/") for name in value]
        for name in names:
            if not name.isascii() or not name.replace("_", "").isalnum() or len(name) > 24:
                raise ValueError(f"{name!r} is no subreddit; write its name without r/")
        return names

    @field_validator("reddit_url", "oauth_url")
    @classmethod
    def _https(cls, value: str) -> str:
        from listeners.clients.http import checked_url

        try:
            return checked_url(value, "the address of Reddit")
        except ConfigError as error:
            raise ValueError(str(error)) from None


def access_of(settings: RedditSettings, context: ListenerContext) -> "RedditAccess":
    """The secrets and addresses of one listener.

    Raises:
        ConfigError: a secret is missing or no key.
    """
    from listeners.clients.reddit import RedditAccess

    def secret(name: str) -> str:
        return context.secret(f"{settings.credentials}-{name}").strip()

    client_id, client_secret = secret("client-id"), secret("client-secret")
    for name, value in (("client-id", client_id), ("client-secret", client_secret)):
        if not value or not value.isprintable():
            raise ConfigError(f"the secret '{settings.credentials}-{name}' is empty or no key")
    who = settings.username or next(iter(sorted(context.our_accounts)), "unknown")
    return RedditAccess(
        client_id=client_id,
        client_secret=client_secret,
        user_agent=f"linux:social-care:v{version('social-care')} (by /u/{who})",
        username="" if settings.refresh else settings.username,
        password=secret("password") if settings.username and not settings.refresh else "",
        refresh_token=secret("refresh-token") if settings.refresh else "",
        reddit_url=settings.reddit_url,
        oauth_url=settings.oauth_url,
        timeout=settings.timeout,
    )

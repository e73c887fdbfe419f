"""Which addresses a digest may link to: what a customer or a network wrote is not to be trusted."""

from urllib.parse import urlsplit

from social_care.safe import safe_text

_LONGEST = 2_000


def safe_link(url: str | None) -> str | None:
    """The address if it is a plain http or https one with a host and no name or password in it, else None."""
    if not url or len(url) > _LONGEST or url != safe_text(url) or any(mark in url for mark in " \n\"'<>`\\"):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    return url

"""What every command needs to know: the workspace, who acts, what time it is, and how to answer."""

import getpass
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from social_care.workspace import Workspace


@dataclass
class Invocation:
    """The global options of one call."""

    folder: Path | None = None
    json: bool = False
    actor: str | None = None
    pretended_now: datetime | None = None
    _workspace: "Workspace | None" = field(default=None, repr=False)

    @property
    def now(self) -> datetime:
        """The time of this call (aware, UTC); `--now` replaces it."""
        return self.pretended_now or datetime.now(UTC)

    @property
    def who(self) -> str:
        """Who acts: `--as`, else SOCIAL_CARE_USER, else the login name."""
        if self.actor or os.environ.get("SOCIAL_CARE_USER"):
            return self.actor or os.environ["SOCIAL_CARE_USER"]
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "unknown"

    def workspace(self) -> "Workspace":
        """The workspace of this call, opened once.

        Raises:
            ConfigError: there is none here, or its configuration needs mending.
        """
        from social_care.workspace import Workspace

        if self._workspace is None:
            self._workspace = Workspace.find(self.folder)
        return self._workspace


def of(context: typer.Context) -> Invocation:
    """The invocation a command runs under."""
    invocation = context.find_root().obj
    assert isinstance(invocation, Invocation)
    return invocation

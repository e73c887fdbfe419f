"""Looking again at the posts of open cases: who was about to answer a deleted post is told in time."""

from collections.abc import Callable, Iterator
from datetime import datetime

from listeners.errors import SourceError
from listeners.ports import Rechecks
from social_care import pipeline
from social_care.workspace import Workspace
from storage.pages import Page

MOST = 300
"""Posts looked up a day and listener: a metered source bills each."""
AT_ONCE = 100


def can_recheck(listener_type: str) -> bool:
    """Whether listeners of this type can look posts up again.

    Raises:
        ConfigError: no such type is installed.
    """
    from listeners import registry

    return hasattr(registry.load(listener_type), "recheck")


def recheck_posts(
    workspace: Workspace, name: str, clock: Callable[[], datetime], *, reads_left: int | None
) -> pipeline.Heard:
    """Look up the newest posts of open cases; nothing where the source cannot tell or the budget is spent.

    Raises:
        ConfigError: the listener cannot be built.
    """
    from storage import queries

    database = workspace.database
    with database.read() as session:
        ids = queries.open_posts(session, name, MOST if reads_left is None else min(MOST, reads_left))
    if not ids:
        return pipeline.Heard()
    listener = workspace.listener(name, reads_left=reads_left)
    if not isinstance(listener, Rechecks):
        return pipeline.Heard()
    problem = ""

    def pages() -> Iterator[Page]:
        nonlocal problem
        try:
            for start in range(0, len(ids), AT_ONCE):
                yield listener.recheck(ids[start : start + AT_ONCE], clock())
        except SourceError as error:
            problem = str(error)

    heard = pipeline.store_pages(
        database,
        pages(),
        listener=name,
        network=listener.network,
        clock=clock,
        brand=workspace.listener_settings(name).brand,
    )
    heard.error = problem or None
    return heard

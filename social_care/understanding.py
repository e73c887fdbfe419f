"""Scoring and triage by hand: what waits in a workspace, with a progress bar for the person who waits too."""

from datetime import datetime

from social_care import pipeline
from social_care.cli import show
from social_care.workspace import Workspace


def understand(workspace: Workspace, *, now: datetime) -> tuple[int, int]:
    """Score and triage what waits in a workspace, with progress bars; returns how many of each.

    Where the database carries a work queue with living workers, the jobs are theirs and this does nothing.
    """
    from storage import jobs, queries

    database = workspace.database
    with database.read() as session:
        if jobs.workers_alive(session, now):
            return 0, 0
        waiting = queries.unscored_count(session, workspace.scorer_name)
    scored = 0
    if waiting:
        with show.progress("scoring", waiting) as advance:
            scored = pipeline.score_pending(database, workspace.scorer, now=now, advance=advance)
    with show.progress("triage") as advance:
        triaged = workspace.triage(now, advance)
    return scored, triaged

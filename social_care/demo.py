"""`social-care demo`: two weeks of sample posts through the whole line, offline.

The posts are written for the project (social_care/data/demo); their times are relative to now. They are heard the
way a scheduled listener would hear them: in ticks of some minutes, oldest first, each tick one committed page.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from social_care.cli import show
from social_care.config import FILE_NAME
from social_care.workspace import Workspace
from storage.errors import ConfigError

BRAND = "Kestrel"
TICK = timedelta(minutes=10)
MARKER = ".social-care-demo"
"""Only a folder that holds this file is ever replaced."""


def posts() -> list[dict[str, Any]]:
    """The sample posts, in order of arrival."""
    text = files("social_care").joinpath("data", "demo", "posts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def arrival(post: Mapping[str, Any]) -> int:
    """Minutes before now at which a listener could first hear this record."""
    return int(post.get("deleted_minutes_ago", post.get("edited_minutes_ago", post.get("minutes_ago", 0))))


def _to_mention(post: Mapping[str, Any], now: datetime) -> Any:
    from storage.models import AuthorData, MentionData

    author = post.get("author") or {}
    edited = post.get("edited_minutes_ago")
    kind = {"reply": "comment"}.get(post["kind"], post["kind"])
    handles = [handle.lower() for handle in post.get("mentions", [])]
    return MentionData(
        network=post["network"],
        native_id=post["id"],
        brand=BRAND,
        kind=kind,
        author=AuthorData(
            native_id=author["id"],
            handle=author.get("handle"),
            name=author.get("name"),
            followers=author.get("followers"),
        )
        if author
        else None,
        text=post.get("text", ""),
        title=post.get("title"),
        url=post.get("url"),
        posted_at=now - timedelta(minutes=post["minutes_ago"]),
        edited_at=None if edited is None else now - timedelta(minutes=edited),
        lang=post.get("lang"),
        rating=post.get("rating"),
        parent_native_id=post.get("parent"),
        thread_native_id=post.get("thread"),
        quoted_native_id=post.get("quoted"),
        is_ours=bool(post.get("ours")),
        addressed=kind == "review" or "kestrelcare" in handles,
        metrics={name: int(value) for name, value in (post.get("metrics") or {}).items()},
        permissions={"mentions": handles} if handles else {},
    )


def pages(network: str, now: datetime) -> Iterator[tuple[datetime, Any]]:
    """The pages one network's listener would have heard, with the moment of each."""
    from storage.pages import Deletion, Interval, Page

    mine = [post for post in posts() if post["network"] == network]
    waiting = sorted(mine, key=arrival, reverse=True)
    heard_from = now - timedelta(days=14)
    while waiting:
        moment = now - timedelta(minutes=arrival(waiting[0])) + timedelta(minutes=2)
        until = moment + TICK
        batch = [post for post in waiting if now - timedelta(minutes=arrival(post)) <= until]
        waiting = waiting[len(batch) :]
        moment = min(until, now)
        gone = [post for post in batch if post.get("deleted")]
        yield (
            moment,
            Page(
                mentions=[_to_mention(post, now) for post in batch if not post.get("deleted")],
                deletions=[Deletion(post["id"], "deleted by its author", moment) for post in gone],
                cursor={"heard_until": moment.isoformat()},
                heard=Interval(heard_from, moment),
            ),
        )
        heard_from = moment
    yield now, Page(cursor={"heard_until": now.isoformat()}, heard=Interval(heard_from, now))


@contextmanager
def _step(number: int, title: str) -> Iterator[list[str]]:
    started = time.perf_counter()
    said: list[str] = []
    yield said
    took = f"{time.perf_counter() - started:.1f} s"
    show.say(
        show.coloured(f"{number}  {title:<7}", "bold cyan"), show.coloured(f"{took:>7}  ", "dim"), "; ".join(said)
    )


def prepare(folder: Path, now: datetime) -> Workspace:
    """Make the demo's workspace anew.

    Raises:
        ConfigError: the folder exists and is not a demo's.
    """
    from social_care.starting import Answers, create_workspace

    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise ConfigError(f"{folder} is not a demo's folder; choose another with --workspace")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by social-care demo; replaced each time it runs\n", encoding="utf-8")
    workspace = create_workspace(
        folder, Answers(brand=BRAND, x="KestrelCare", reddit="kestrel_support"), now.date()
    )
    assert (workspace.folder / FILE_NAME).exists()
    return workspace


def play(folder: Path, *, now: datetime, actor: str) -> None:
    """Run the whole line on the sample posts and say what to look at next."""
    from social_care import pipeline
    from social_care.cli.inbox import show_inbox

    show.say(
        show.coloured("social-care demo", "bold"),
        f": two weeks of posts about {BRAND}, a brand that does not exist\n",
    )
    workspace = prepare(folder, now)
    with _step(1, "listen") as said:
        heard = _hear(workspace, now)
        said.append(pipeline.say_heard(heard))
    with _step(2, "score") as said:
        count = pipeline.score_pending(workspace.database, workspace.scorer, now=now)
        said.append(f"{count} posts by {workspace.scorer.name}, on this machine")
    with _step(3, "triage") as said:
        workspace.triage(now)
        said.append(_say_cases(workspace, now))
    with _step(4, "draft") as said:
        said.append(_draft(workspace, now, actor))
    with _step(5, "track") as said:
        said.append(f"{workspace.track(now)} SLA warnings and breaches recorded")
    with _step(6, "digest") as said:
        from social_care.digest.write import write_daily

        said += [str(path) for path in write_daily(workspace, now=now)]
    show.say("")
    show_inbox(workspace, query=None, limit=10, now=now)
    place = f"cd {folder}"
    show.hint(f"\nlook around:  {place}")
    for command, what in (
        ("social-care inbox", "what to answer first, and why"),
        ("social-care why 1", "how one case got its urgency"),
        ("social-care sla report --by network", "what was promised and kept"),
        ("social-care digest", "the daily digest; the HTML file above opens in a browser"),
    ):
        show.hint(f"  {command:<38} {what}")


def _hear(workspace: Workspace, now: datetime) -> Any:
    from social_care import pipeline
    from storage.ingest import store_page

    heard = pipeline.Heard()
    everything = [(moment, network, page) for network in _networks() for moment, page in pages(network, now)]
    for moment, network, page in sorted(everything, key=lambda item: item[0]):
        with workspace.database.write() as session:
            heard.add(store_page(session, page, listener=f"demo-{network}", network=network, now=moment))
    return heard


def _networks() -> list[str]:
    return sorted({post["network"] for post in posts()})


def _say_cases(workspace: Workspace, now: datetime) -> str:
    from storage import queries

    with workspace.database.read() as session:
        counts = queries.case_counts(session, now)
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _draft(workspace: Workspace, now: datetime, actor: str) -> str:
    """Draft for the most pressing cases; approval is left to the person."""
    from social_care.drafting import draft_for
    from storage import queries

    with workspace.database.read() as session:
        pressing = queries.inbox(session, now=now, limit=8)
    made = [draft_for(workspace, row.id, now=now, actor=actor) for row in pressing]
    count = sum(proposal.report is not None for proposal in made)
    return f"{count} drafts from saved replies; approving them is a person's word"

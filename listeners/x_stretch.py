"""How far a stream of posts, newest first, has been read: pure arithmetic on the cursor of one stream.

    {"since_id": ..., "heard_at": ..., "from": ..., "pending": null or
        {"newest": ..., "until_id": ..., "next_token": ..., "floor": ..., "started_at": ..., "read": ...}}

A stretch begins at the newest post and is complete when the page without a next one has been read. Only then does
`since_id` move, to the newest post of the stretch; until then `pending` says below which id to go on.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from listeners.ports import Gap, Interval
from listeners.x_posts import id_at, id_time

State = dict[str, Any]

SETTLE = timedelta(seconds=30)
"""Posts appear in X's index out of order within about this time: so much is read again by the next poll."""
_WINDOW_MARGIN = timedelta(minutes=2)


def fresh() -> State:
    """The state of a stream never read."""
    return {"since_id": None, "heard_at": None, "from": None, "pending": None}


def begin(state: State, now: datetime, first: timedelta, window: timedelta | None) -> list[Gap]:
    """Make sure there is a stretch to read; returns what can no longer be read.

    Leaves `pending` None where the rest of an interrupted stretch has left the window X answers for.
    """
    horizon = now - window + _WINDOW_MARGIN if window is not None else None
    if state["pending"] is None:
        floor = _time(state["heard_at"]) or now - first
        state["from"] = state["from"] or _text(floor)
        state["pending"] = {
            "newest": None, "until_id": None, "next_token": None, "floor": _text(floor), "started_at": _text(now),
            "read": 0,
        }  # fmt: skip
    pending = state["pending"]
    floor = _time(pending["floor"]) or now - first
    if horizon is None or floor >= horizon:
        return []
    below = id_time(pending["until_id"] or "")
    lost_until = min(horizon, below) if below else horizon
    gaps = [Gap(Interval(floor, lost_until), "older than the seven days X can be searched for")]
    if below is not None and below <= horizon:
        _close(state)
    else:
        pending["floor"] = _text(horizon)
    return gaps if lost_until > floor else []


def request(state: State, now: datetime, window: timedelta | None) -> dict[str, str]:
    """What to ask for so that the pending stretch begins, or goes on below what has been read.

    A token of an earlier poll is not used: it may have expired. Ids never do.
    """
    pending = state["pending"]
    asked = {}
    floor, since = _time(pending["floor"]) or now, state["since_id"]
    lifted = pending["floor"] != state["heard_at"]
    moment = id_time(str(since or ""))
    # X refuses ids from before its window.
    expired = window is not None and moment is not None and moment < now - window + _WINDOW_MARGIN
    if since and not lifted and not expired:
        asked["since_id"] = str(since)
    else:
        asked["start_time"] = _text(floor if lifted else floor - SETTLE)
    if pending["until_id"]:
        asked["until_id"] = str(pending["until_id"])
    return asked


def step(
    state: State, posts: Iterable[object], meta: Mapping[str, Any], most: int | None
) -> tuple[bool, list[Gap]]:
    """Take one page in. Returns whether the stretch is complete, and what X would not show."""
    pending = state["pending"]
    numbers = []
    for post in posts:
        pending["read"] += 1
        found = str(post.get("id", "")) if isinstance(post, dict) else ""
        if found.isdigit() and len(found) <= 19:
            numbers.append(int(found))
    if numbers:
        pending["newest"] = str(max([*numbers, int(pending["newest"] or 0)]))
        pending["until_id"] = str(min([*numbers, int(pending["until_id"] or numbers[0])]))
    token = meta.get("next_token")
    pending["next_token"] = token if isinstance(token, str) and token else None
    if pending["next_token"] is not None:
        return False, []
    gaps = _beyond_the_most(pending, most)
    _close(state)
    return True, gaps


def _beyond_the_most(pending: State, most: int | None) -> list[Gap]:
    """X ends some lists after a fixed number of posts without a word; older ones may be missing."""
    floor, oldest = _time(pending["floor"]), id_time(pending["until_id"] or "")
    if most is None or pending["read"] < most or floor is None or oldest is None or oldest <= floor:
        return []
    return [Gap(Interval(floor, oldest), f"X shows the newest {most} posts only")]


def _close(state: State) -> None:
    pending = state["pending"]
    started = _time(pending["started_at"])
    newest = pending["newest"]
    if newest and started is not None:
        settled = id_at(started - SETTLE)
        reached = int(newest) if id_time(newest) is None else min(int(newest), settled)
        state["since_id"] = str(max(reached, int(state["since_id"] or 0)))
    state["heard_at"] = pending["started_at"]
    state["pending"] = None


def heard(cursor: State, names: Iterable[str]) -> Interval | None:
    """The interval that is now heard on every stream, or None where nothing was added; moves `heard_until`."""
    states = [cursor["streams"].get(name) for name in names]
    ends = [_time(state["heard_at"]) for state in states if state and state["pending"] is None]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(states):
        return None
    until = min(known)
    starts = [start for state in states if state and (start := _time(state["from"])) is not None]
    start = _time(cursor.get("heard_until")) or max(starts, default=until)
    if until <= start:
        return None
    cursor["heard_until"] = _text(until)
    return Interval(start, until)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None

"""A process of its own that imports made-up posts page by page, as tests want to kill it or run two at once.

Usage: importer.py URL LISTENER POSTS PAGE SLICE
SLICE is `all`, or `0/2`, `1/2` for every second page. It goes on from the listener's cursor.
"""

import json
import sys
from datetime import UTC, datetime, timedelta

from storage.database import open_database
from storage.ingest import Stored, store_page
from storage.models import AuthorData, ListenerState, MentionData
from storage.pages import Interval, Page

START = datetime(2026, 3, 1, tzinfo=UTC)


def post(number: int) -> MentionData:
    """Post `number`; each answers the one ten before it, so that ten threads run through all pages."""
    return MentionData(
        network="x",
        native_id=f"p{number}",
        brand="Acme" if number % 3 else "Beta",
        author=AuthorData(native_id=f"a{number % 17}", handle=f"a{number % 17}"),
        text=f"post number {number} says word{number}",
        posted_at=START + timedelta(seconds=number),
        parent_native_id=f"p{number - 30}" if number >= 30 else None,
    )


def main() -> None:
    """Import, saying `ready` before the first page and the counts after the last."""
    url, listener, posts, size, part = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    turn, turns = (0, 1) if part == "all" else map(int, part.split("/"))
    database = open_database(url)
    with database.read() as session:
        state = session.get(ListenerState, listener)
    start = int((state.cursor or {}).get("next", 0)) if state else 0
    print("ready", flush=True)
    total = Stored()
    for first in range(start, posts, size):
        last = min(first + size, posts)
        if (first // size) % turns != turn:
            continue
        page = Page(
            mentions=[post(number) for number in range(first, last)],
            cursor={"next": last},
            heard=Interval(START + timedelta(seconds=first), START + timedelta(seconds=last)),
        )
        with database.write() as session:
            total += store_page(session, page, listener=listener, network="x", now=START + timedelta(days=1))
    database.dispose()
    print(json.dumps({"new": total.new, "updated": total.updated, "unchanged": total.unchanged}), flush=True)


if __name__ == "__main__":
    main()

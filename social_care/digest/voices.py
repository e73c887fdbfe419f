"""What people feel and say: mood, themes, stars, praise."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from social_care.digest import commands
from social_care.digest.figures import MoodRow, Moods, Praise, RatingFigure
from social_care.digest.scope import Scope
from social_care.digest.themes import Theme, find_themes
from storage import digest_queries as ask

MOST_PRAISE = 4
LEAST_PRAISE = 0.8
"""Calibrated probability of `positive` from which a post counts as praise."""
MOST_POSTS = 20_000
_HISTORY = timedelta(days=28)
_PRAISE_LENGTH = range(12, 401)
_NO_PRAISE = frozenset({"spam", "news", "urgent", "complaint", "unsure"})


def themes(scope: Scope, posts: Sequence[ask.Post]) -> tuple[tuple[Theme, ...], str | None]:
    """The themes of the window's posts, and what the reader should know about them."""
    window = scope.window
    since = min(scope.before.since, window.since - _HISTORY)
    earlier = ask.posts(scope.session, since, window.since, scope.brand_ids, MOST_POSTS)
    before = [post for post in earlier if post.posted_at >= scope.before.since]
    found = [
        replace(theme, command=commands.search(theme.terms[0], scope.brand))
        for theme in find_themes(posts, earlier, before)
    ]
    notes = []
    if len(earlier) < 50:
        notes.append(
            "without earlier posts to compare with, themes are what complaints say and other posts do not"
        )
    if len(posts) == MOST_POSTS:
        notes.append(f"from the newest {MOST_POSTS:,} posts")
    return tuple(found), "; ".join(notes) or None


def moods(scope: Scope) -> Moods:
    """The mood by network and by language."""
    counts = ask.moods(scope.session, scope.window.since, scope.window.until, scope.brand_ids)
    return Moods(
        by_network=_rows(counts, lambda item: item.network),
        by_language=_rows(counts, lambda item: item.language),
        network_command=_mood_command(scope, "m.network"),
        language_command=_mood_command(scope, "coalesce(s.language, m.lang, 'und')"),
    )


def _rows(counts: Sequence[ask.MoodCount], name: Callable[[ask.MoodCount], str]) -> tuple[MoodRow, ...]:
    table: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ask.MOODS, 0))
    for item in counts:
        mood = item.mood if item.mood in ask.MOODS else "abstained"
        table[name(item)][mood] += item.count
    rows = [MoodRow(key, **values) for key, values in table.items()]
    return tuple(sorted(rows, key=lambda row: (-row.total, row.name)))


def _mood_command(scope: Scope, column: str) -> str:
    return commands.select(
        f"{column} AS name, {commands.MOOD} AS mood, count(*)",
        commands.UNDERSTOOD,
        commands.within(scope.window, scope.brand_ids),
        "GROUP BY 1, 2 ORDER BY 1, 2",
    )


def ratings(scope: Scope) -> tuple[RatingFigure, ...]:
    """Stars by network, beside those of the window before."""
    before = {
        row.network: row
        for row in ask.ratings(scope.session, scope.before.since, scope.before.until, scope.brand_ids)
    }
    return tuple(
        RatingFigure(
            network=row.network,
            count=row.count,
            mean=row.mean,
            low=row.low,
            before=before[row.network].mean if row.network in before else None,
            before_count=before[row.network].count if row.network in before else 0,
            command=commands.select(
                "m.network, count(*), avg(m.rating), sum(CASE WHEN m.rating <= 3 THEN 1 ELSE 0 END)",
                "mention m",
                f"{commands.within(scope.window, scope.brand_ids)} AND m.rating IS NOT NULL",
                "GROUP BY 1 ORDER BY 1",
            ),
        )
        for row in ask.ratings(scope.session, scope.window.since, scope.window.until, scope.brand_ids)
    )


def praise(posts: Sequence[ask.Post]) -> tuple[Praise, ...]:
    """The kindest posts, one an author: sure to be positive, asking for nothing, long enough to say something."""
    kind = [post for post in posts if _is_praise(post)]
    kind.sort(key=lambda post: (-(post.rating or 0.0), -post.positive, -len(post.text)))
    kind.sort(key=lambda post: -round(post.positive, 1))
    first: dict[str, ask.Post] = {}
    texts: set[str] = set()
    for post in kind:
        if post.author not in first and post.text_hash not in texts:
            first[post.author] = post
            texts.add(post.text_hash)
    return tuple(
        Praise(
            network=post.network,
            handle=post.handle,
            snippet=post.text[:400],
            url=post.url,
            rating=post.rating,
            case_id=post.case_id,
            mention_id=post.id,
            command=commands.command("case", "show", str(post.case_id)) if post.case_id else _post_command(post),
        )
        for post in list(first.values())[:MOST_PRAISE]
    )


def _is_praise(post: ask.Post) -> bool:
    return (
        post.mood == "positive"
        and post.positive >= LEAST_PRAISE
        and (post.rating is None or post.rating >= 4)
        and (post.urgency or 0.0) < 0.5
        and len(post.text.strip()) in _PRAISE_LENGTH
        and post.reply_reason not in _NO_PRAISE
    )


def _post_command(post: ask.Post) -> str:
    return commands.select("text, url", "mention", f"id = {post.id}")


def praise_command(scope: Scope) -> str:
    """The command that lists every candidate."""
    return commands.select(
        "m.id, m.network, s.positive, m.text",
        commands.UNDERSTOOD,
        f"{commands.within(scope.window, scope.brand_ids)} AND m.deleted_at IS NULL "
        f"AND {commands.MOOD} = 'positive' AND s.positive >= {LEAST_PRAISE}",
        "ORDER BY s.positive DESC",
    )

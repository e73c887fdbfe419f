"""Presets that are a mapping: airline posts, App Store reviews with replies, the Play Console review export."""

from listeners.files.mapping import Mapping
from listeners.files.presets.base import Converter, Preset, present
from listeners.files.report import ImportReport
from listeners.files.rows import Options
from listeners.files.surveyed import by_mapping
from listeners.files.table import Table


def _airline(table: Table, options: Options, report: ImportReport) -> Converter:
    columns = table.columns
    mapping = Mapping(
        id=present(columns, "tweet_id"),
        author=present(columns, "name"),
        text="text",
        time="tweet_created",
        time_format=("dmy", "ymd"),
        zone=options.zone,
        brand="airline",
        html_entities=True,
        metrics={"reposts": "retweet_count"} if "retweet_count" in columns else {},
        constants={"network": "x", "kind": "post"},
    )
    return by_mapping(mapping, table, options, report)


def _appstore(table: Table, options: Options, report: ImportReport) -> Converter:
    columns = table.columns
    mapping = Mapping(
        text="content",
        title=present(columns, "title"),
        time="date",
        time_format=("iso", "ymd"),
        zone=options.zone,
        rating="rating",
        brand=present(columns, "brand"),
        reply="reply",
        reply_time=present(columns, "reply_date"),
        deleted=present(columns, "deleted"),
        deleted_means="note",
        identity=tuple(name for name in ("brand", "date", "title", "content") if name in columns),
        constants={"network": "appstore", "kind": "review"},
    )
    return by_mapping(mapping, table, options, report)


def _play(table: Table, options: Options, report: ImportReport) -> Converter:
    columns = table.columns
    submitted = present(columns, "Review Submit Millis Since Epoch", "Review Submit Date and Time")
    updated = present(columns, "Review Last Update Millis Since Epoch", "Review Last Update Date and Time")
    replied = present(columns, "Developer Reply Millis Since Epoch", "Developer Reply Date and Time")
    who = ("Package Name", "Reviewer Language", "Device")
    mapping = Mapping(
        id=present(columns, "Review Link"),
        # `reviewId=gp%3A…` in the links of today, `reviewid=…` behind a `#` in those of the old console.
        id_pattern=r"(?i)[?&#;]review_?id=([^&#\s]+)",
        text="Review Text",
        title=present(columns, "Review Title"),
        time=submitted,
        time_format=("epoch_ms", "iso", "ymd"),
        edited=updated,
        rating="Star Rating",
        lang=present(columns, "Reviewer Language"),
        url=present(columns, "Review Link"),
        reply=present(columns, "Developer Reply Text"),
        reply_time=replied,
        # A package name is no brand people would say, so the brand given wins here.
        brand=None if options.brand else "Package Name",
        identity=tuple(name for name in (*who, submitted) if name and name in columns),
        constants={"network": "playstore", "kind": "review"},
    )
    return by_mapping(mapping, table, options, report)


def _is_play(table: Table) -> bool:
    submitted = present(table.columns, "Review Submit Millis Since Epoch", "Review Submit Date and Time")
    return submitted is not None and all(name in table.columns for name in PLAY_CONSOLE.required[:3])


AIRLINE = Preset(
    "airline",
    "posts to airlines: tweet_id, name, text, tweet_created, airline",
    "x",
    ("text", "tweet_created", "airline"),
    _airline,
)
APPSTORE_REPLIES = Preset(
    "appstore-replies",
    "App Store reviews with the developer's reply: date, rating, title, content, reply",
    "appstore",
    ("date", "rating", "content", "reply"),
    _appstore,
)
PLAY_CONSOLE = Preset(
    "play-console",
    "the review export of the Google Play Console",
    "playstore",
    ("Package Name", "Star Rating", "Review Text", "Review Submit Millis Since Epoch"),
    _play,
    matches=_is_play,
)

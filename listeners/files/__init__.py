"""Hear what was exported: CSV, JSON, JSONL and standard input, by preset, by mapping or by a stated guess.

`open_source` opens, `inspect` looks, `Reading` reads; `FilesListener` does it on a schedule.
"""

from listeners.files.guess import Choice, Guess, guess
from listeners.files.inspection import Inspection, inspect, iter_mentions
from listeners.files.listener import FilesListener, FilesSettings
from listeners.files.mapping import Mapping
from listeners.files.presets import PRESETS
from listeners.files.reading import Reading
from listeners.files.records import Finding
from listeners.files.report import ImportReport
from listeners.files.rows import Options
from listeners.files.source import Source, open_source

__all__ = [
    "PRESETS",
    "Choice",
    "FilesListener",
    "FilesSettings",
    "Finding",
    "Guess",
    "ImportReport",
    "Inspection",
    "Mapping",
    "Options",
    "Reading",
    "Source",
    "guess",
    "inspect",
    "iter_mentions",
    "open_source",
]

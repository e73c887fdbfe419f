"""The tables behind the models, for statements over many rows (Core: no object per row)."""

from sqlmodel import SQLModel

import storage.models  # noqa: F401  (fills the metadata)

_tables = SQLModel.metadata.tables

AUDIT = _tables["audit"]
AUTHOR = _tables["author"]
BRAND = _tables["brand"]
CASE = _tables["case"]
CLOCK = _tables["slaclock"]
COVERAGE = _tables["coverage"]
DRAFT = _tables["draft"]
LABEL = _tables["label"]
LEASE = _tables["lease"]
LISTENER = _tables["listenerstate"]
MENTION = _tables["mention"]
NOTICE = _tables["notice"]
REJECTED = _tables["rejected"]
REPLY = _tables["reply"]
SCORE = _tables["score"]
SLOT = _tables["slot"]
TOMBSTONE = _tables["tombstone"]
VERSION = _tables["mentionversion"]

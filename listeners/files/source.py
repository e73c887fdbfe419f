"""Open a file, a pipe or standard input as text: format, encoding and fingerprint are settled before any row.

The bytes are scanned once (constant memory). A pipe is copied to a temporary file, because several formats can
only be understood in two passes; the copy is deleted on leaving.
"""

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import sys
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, cast

from listeners.files.encodings import Evidence, choose_encoding
from listeners.files.records import Finding
from storage.errors import ConfigError

Format = Literal["csv", "json", "jsonl", "lines"]
_CHUNK = 1 << 20
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet workbook (.xlsx)", "save the sheet as CSV (UTF-8) first"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet workbook (.xls)", "save the sheet as CSV (UTF-8) first"),
    (b"SQLite format 3", "a SQLite database", "export the table as CSV first"),
    (b"%PDF", "a PDF", "export the posts as CSV or JSON"),
    (b"PAR1", "a Parquet file", "export it as CSV or JSONL first"),
)


@dataclass(slots=True)
class Source:
    """One readable file. Use it as a context manager: leaving deletes the copy made of a pipe."""

    name: str
    path: Path
    format: Format
    encoding: str
    encoding_reason: str
    sha256: str
    size: int
    mtime_ns: int
    delimiter: str | None = None
    compressed: bool = False
    findings: list[Finding] = field(default_factory=list)
    temporary: bool = False

    def text(self) -> io.TextIOWrapper:
        """Open the content from its beginning; bytes that are not of the encoding become U+FFFD."""
        stream: BinaryIO = self.path.open("rb")
        if self.compressed:
            stream = cast("BinaryIO", _Tolerant(gzip.GzipFile(fileobj=stream)))
        return io.TextIOWrapper(stream, encoding=self.encoding, errors="replace", newline="")

    def close(self) -> None:
        """Delete the copy of a pipe; files of the user are never touched."""
        if self.temporary:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Tolerant(io.RawIOBase):
    """Ends a cut-off compressed stream where it was cut off; the scan has already reported it."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        with contextlib.suppress(EOFError, zlib.error, gzip.BadGzipFile):
            return self._stream.read1(size if size > 0 else _CHUNK)
        return b""

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_source(
    where: str | Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    format: Format | None = None,  # noqa: A002 - the word the settings use
) -> Source:
    """Open a path, or standard input for `-`; `.gz` is unpacked on the fly.

    Raises:
        ConfigError: nothing is there, it is a folder, empty, or not text (says what to do).
    """
    path, temporary = _settle(where)
    try:
        return _examine(str(where), path, temporary, encoding, delimiter, format)
    except BaseException:
        if temporary:
            path.unlink(missing_ok=True)
        raise


def _settle(where: str | Path) -> tuple[Path, bool]:
    if str(where) == "-":
        return _spool(sys.stdin.buffer), True
    path = Path(where).expanduser()
    if path.is_dir():
        raise ConfigError(f"{where} is a folder; name one file in it")
    if not path.exists():
        raise ConfigError(f"there is no file {where}")
    try:
        if not path.is_file():
            with path.open("rb") as stream:
                return _spool(stream), True
        with path.open("rb"):
            return path, False
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}") from error


def _spool(stream: BinaryIO) -> Path:
    handle, name = tempfile.mkstemp(prefix="social-care-")
    with os.fdopen(handle, "wb") as copy:
        shutil.copyfileobj(stream, copy, _CHUNK)
    return Path(name)


def _examine(
    name: str, path: Path, temporary: bool, encoding: str | None, delimiter: str | None, wanted: Format | None
) -> Source:
    status = path.stat()
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    evidence, digest, cut = _scan(path, compressed)
    if not evidence.head.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n"):
        raise ConfigError(f"{name} is empty: there is nothing to import")
    for signature, what, remedy in _SIGNATURES:
        if evidence.head.startswith(signature):
            raise ConfigError(f"{name} is {what}, not text; {remedy}")
    findings = []
    if cut:
        findings.append(
            Finding("cut off", "the compressed file ends too early; read as far as it goes", "warning")
        )
    codec, reason, doubts = choose_encoding(evidence, encoding)
    source = Source(
        name, path, wanted or "csv", codec, reason, digest, status.st_size, status.st_mtime_ns, delimiter,
        compressed, findings + doubts, temporary,
    )  # fmt: skip
    if wanted is None:
        source.format = _guess_format(source)
    return source


def _scan(path: Path, compressed: bool) -> tuple[Evidence, str, bool]:
    evidence, digest = Evidence(), hashlib.sha256()
    with gzip.open(path) if compressed else path.open("rb") as stream:
        while True:
            try:
                chunk = stream.read1(_CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                return evidence.end(), digest.hexdigest(), True
            if not chunk:
                return evidence.end(), digest.hexdigest(), False
            digest.update(chunk)
            evidence.add(chunk)


def _guess_format(source: Source) -> Format:
    """JSON is recognised by what it begins with; a name ending in .jsonl or .ndjson settles the framing."""
    from listeners.files.csvfiles import is_plain_text
    from listeners.files.jsonfiles import is_line_framed

    with source.text() as text:
        head = text.read(4096).lstrip("\ufeff \t\r\n")
    if head[:1] not in ("{", "["):
        return "lines" if is_plain_text(source) else "csv"
    name = source.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")) or is_line_framed(source):
        return "jsonl"
    return "json"

"""The tables' history, run by Alembic from inside the package: no ini file, any working directory.

To change a table: change the model, then `python -m storage.migrations "what changed"`, read the new file in
`versions/`, and set `HEAD` below.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0001"
"""The revision this program's models are at. Written out so that an up-to-date database needs no Alembic."""

_HERE = Path(__file__).parent
_FOREIGN_TABLES = ("mention_search", "procrastinate_", "sqlite_")


def known_revisions() -> frozenset[str]:
    """Every revision this program can start from. Files are named `<revision>_<slug>.py`."""
    return frozenset(file.name.split("_", 1)[0] for file in (_HERE / "versions").glob("[0-9]*_*.py"))


def is_ours(name: str | None, kind: str, _parents: object = None) -> bool:
    """Whether Alembic may look at what it found: full-text tables and the job queue are not models."""
    return kind != "table" or name is None or not name.startswith(_FOREIGN_TABLES)


def configuration(connection: Connection | None = None) -> "Config":
    """Alembic's configuration for this folder, running on `connection`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection, revision: str = "head") -> None:
    """Run every missing step on `connection`, inside its transaction."""
    from alembic import command

    command.upgrade(configuration(connection), revision)

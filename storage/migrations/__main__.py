"""Write the next migration from the difference between the models and a freshly migrated database."""

import sys
import tempfile
from pathlib import Path

from storage.database import open_database


def main() -> int:
    """Create the next file in `versions/`; its name is the next number and the given words."""
    from alembic import command

    from storage.migrations import configuration, known_revisions

    if len(sys.argv) != 2:
        sys.stderr.write('usage: python -m storage.migrations "what changed"\n')
        return 2
    following = f"{max((int(name) for name in known_revisions()), default=0) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'empty.db'}")
        if known_revisions():
            database.upgrade()
        with database.write() as session:
            command.revision(configuration(session.connection()), sys.argv[1], autogenerate=True, rev_id=following)
        database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())

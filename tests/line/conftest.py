"""What the tests of the whole line share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from line_world import Clock, LineWorld, MakeWorld, Script, ScriptedListener, load_scripted, make_workspace


@pytest.fixture
def make_world(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeWorld]:
    """Worlds on a fresh database, on SQLite and on PostgreSQL."""
    monkeypatch.setattr("listeners.registry.load", load_scripted)
    made: list[LineWorld] = []

    def make(listeners: dict[str, dict[str, Any]] | None = None, **config: Any) -> LineWorld:
        chosen = {"acme-x": {}} if listeners is None else listeners
        tables = {name: {"type": "scripted", "brand": "Acme"} | item for name, item in chosen.items()}
        for name in chosen:
            ScriptedListener.scripts[name] = Script()
        workspace = make_workspace(tmp_path, database_url, listeners=tables, **config)
        made.append(LineWorld(workspace, Clock()))
        return made[-1]

    yield make
    for world in made:
        world.workspace.database.dispose()
    ScriptedListener.scripts.clear()


@pytest.fixture
def world(make_world: MakeWorld) -> LineWorld:
    """A world with one listener, `acme-x`, polled every five minutes."""
    return make_world()

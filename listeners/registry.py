"""Find listeners by the name their entry point gives them: ours and third parties' alike."""

from importlib.metadata import entry_points
from typing import cast

from listeners.ports import ListenerClass
from storage.errors import ConfigError

GROUP = "social_care.listeners"


def names() -> list[str]:
    """All installed listener types, sorted."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def load(name: str) -> ListenerClass:
    """Import one listener type.

    Raises:
        ConfigError: no such type, or the package it needs is not installed.
    """
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            try:
                return cast(ListenerClass, entry.load())
            except ImportError as error:
                raise ConfigError(
                    f"listener type {name!r} needs a package that is not installed ({error.name}); "
                    f"try: pip install 'social-care[{name}]'"
                ) from error
    raise ConfigError(f"there is no listener type {name!r}; installed: {', '.join(names())}")

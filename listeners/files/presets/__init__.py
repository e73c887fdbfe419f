"""Export formats known by heart. Add one here and it is offered by name and recognised by its columns."""

from listeners.files.presets.base import Converter, Preset
from listeners.files.presets.mapped import AIRLINE, APPSTORE_REPLIES, PLAY_CONSOLE
from listeners.files.presets.reply_pairs import SUPPORT_REPLY_PAIRS
from listeners.files.presets.threads import SUPPORT_THREADS
from listeners.files.presets.x_api import X_API
from listeners.files.table import Table
from storage.errors import ConfigError

PRESETS = {
    preset.name: preset
    for preset in (X_API, SUPPORT_THREADS, SUPPORT_REPLY_PAIRS, AIRLINE, APPSTORE_REPLIES, PLAY_CONSOLE)
}


def preset_named(name: str) -> Preset:
    """Look a preset up.

    Raises:
        ConfigError: there is none of this name; lists those there are.
    """
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def recognise(table: Table) -> Preset | None:
    """The preset whose format the file is in, if any."""
    return next((preset for preset in PRESETS.values() if preset.fits(table)), None)


__all__ = ["PRESETS", "Converter", "Preset", "preset_named", "recognise"]

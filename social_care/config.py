"""`social-care.toml`: read, checked, with every problem told in words a person can act on.

Priority: environment (`SOCIAL_CARE_DATABASE`, `SOCIAL_CARE_SCORER__MODEL`), then the file, then the defaults.
Secrets are never in the file: see `social_care.secrets`.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from social_care.durations import Duration, parse_duration
from storage.errors import ConfigError

FILE_NAME = "social-care.toml"
Format = Literal["text", "markdown", "html", "json"]
_SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key|bearer|credential)", re.IGNORECASE
)
_PASSWORD_IN_URL = re.compile(r"^[a-z0-9+]+://[^/@:\s]*:[^@/\s]+@", re.IGNORECASE)


Model = TypeVar("Model", bound=BaseModel)


class Part(BaseModel):
    """A table of the file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class BrandSettings(Part):
    """One brand: its name and its own accounts per network."""

    name: str = Field(min_length=1, max_length=200)
    accounts: dict[str, list[str]] = Field(default_factory=dict)

    def accounts_on(self, network: str) -> frozenset[str]:
        """Our handles on a network, lower case, without `@` or `u/`."""
        return frozenset(
            name.strip().lower().removeprefix("@").removeprefix("u/") for name in self.accounts.get(network, [])
        )


class TopicSettings(Part):
    """One topic: a boolean query in Lucene syntax, for one brand."""

    name: str = Field(min_length=1)
    brand: str
    query: str = Field(min_length=1)


class ListenerSettings(BaseModel):
    """One listener. Keys beside these belong to its type and are checked by it."""

    model_config = ConfigDict(extra="allow")

    type: str
    brand: str
    every: Duration = parse_duration("5m")
    reads_per_day: int | None = Field(default=None, ge=0)
    topics: list[str] | None = None

    def own_settings(self) -> dict[str, Any]:
        """The keys that belong to the listener's type."""
        return dict(self.model_extra or {})


class ScorerSettings(Part):
    """Which model reads the posts."""

    model: str = "bundled"
    revision: str | None = None
    threads: int | None = Field(default=None, ge=1, le=256)
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    labels: dict[str, Literal["negative", "neutral", "positive"]] = Field(default_factory=dict)
    abstain_below: float | None = Field(default=None, ge=0, le=1)
    allow_pickle: bool = False
    allow_branch: bool = False


class TuningSettings(Part):
    """What a model may be tuned on."""

    allow_networks: list[str] = Field(default_factory=list)

    @field_validator("allow_networks")
    @classmethod
    def _lower(cls, value: list[str]) -> list[str]:
        return [name.strip().lower() for name in value]


class DigestSettings(Part):
    """When the daily digest is written, and where."""

    at: str = "08:00"
    folder: str = "digests"
    formats: list[Format] = ["html", "markdown"]

    @field_validator("at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError(f"{value!r} is not a time of day; write 08:00")
        return value


class GoalSettings(Part):
    """What the team has promised itself; shown beside the figures."""

    attainment: float = Field(default=0.9, ge=0, le=1)
    response_rate: float = Field(default=0.9, ge=0, le=1)


class Settings(BaseSettings):
    """Everything `social-care.toml` may say."""

    model_config = SettingsConfigDict(
        env_prefix="SOCIAL_CARE_",
        env_nested_delimiter="__",
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    database: SecretStr = SecretStr("sqlite:///social-care.db")
    zone: str = "UTC"
    language: str = "en"
    saved_replies: str = "saved-replies"
    sla_preset: Literal["default", "strict"] = "default"
    brands: list[BrandSettings] = Field(default_factory=list)
    topics: list[TopicSettings] = Field(default_factory=list)
    listeners: dict[str, ListenerSettings] = Field(default_factory=dict)
    scorer: ScorerSettings = Field(default_factory=ScorerSettings)
    tuning: TuningSettings = Field(default_factory=TuningSettings)
    urgency: dict[str, float] = Field(default_factory=dict)
    sla: list[dict[str, Any]] = Field(default_factory=list)
    triage: dict[str, Any] = Field(default_factory=dict)
    digest: DigestSettings = Field(default_factory=DigestSettings)
    goals: GoalSettings = Field(default_factory=GoalSettings)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not a time zone; write an IANA name such as Europe/London") from error
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> "Settings":
        brands = [brand.name for brand in self.brands]
        used = [(f"topic {t.name!r}", t.brand) for t in self.topics]
        used += [(f"listener {name!r}", item.brand) for name, item in self.listeners.items()]
        for place, brand in used:
            if brand not in brands:
                raise ValueError(
                    f"{place} names the brand {brand!r}, which is not under [[brands]]{_near(brand, brands)}"
                )
        names = [topic.name for topic in self.topics]
        for name, item in self.listeners.items():
            for topic in item.topics or []:
                if topic not in names:
                    raise ValueError(
                        f"listener {name!r} names the topic {topic!r}, which is not there{_near(topic, names)}"
                    )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (the signature is pydantic-settings')
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no dotenv, no secrets folder."""
        return env_settings, init_settings

    def brand(self, name: str) -> BrandSettings | None:
        """The settings of one brand, or None."""
        return next((brand for brand in self.brands if brand.name == name), None)


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def load_settings(path: Path) -> Settings:
    """Read and check one file.

    Raises:
        ConfigError: missing file, broken TOML (with its line), unknown keys (with a suggestion), wrong values,
            or a secret written into the file.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"there is no {path}; run: social-care init") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    _refuse_secrets(data, path)
    return make_settings(data, str(path))


def make_settings(data: Mapping[str, Any], where: str) -> Settings:
    """Check values that are already parsed; `where` names their origin in errors.

    Raises:
        ConfigError: as in load_settings.
    """
    unknown = [key for key in data if key not in Settings.model_fields]
    if unknown:
        # Checked here, since pydantic-settings would take a key such as `_env_file` for an option of its own.
        lines = [f"  - {key}: no such key{_near(key, Settings.model_fields)}" for key in unknown]
        raise ConfigError(f"{where} needs mending:\n" + "\n".join(lines))
    try:
        return Settings(**data)
    except SettingsError as error:
        raise ConfigError(f"{_variable_in(str(error))} needs mending: it holds no JSON") from None
    except ValidationError as error:
        lines = [_say(problem) for problem in error.errors(include_url=False, include_input=False)]
        raise ConfigError(f"{where} needs mending:\n" + "\n".join(f"  - {line}" for line in lines)) from None


def _variable_in(message: str) -> str:
    """The environment variable a message of pydantic-settings is about; it names only the field."""
    field = re.search(r'field "(\w+)"', message)
    return f"the environment variable SOCIAL_CARE_{field.group(1).upper()}" if field else "the environment"


def _from_environment(place: str) -> str:
    """` (from SOCIAL_CARE_...)` where the value at `place` was given by the environment."""
    name = "SOCIAL_CARE_" + place.replace(".", "__").upper()
    return f" (from the environment: {name})" if any(key.upper() == name for key in os.environ) else ""


def _say(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    return _say_at(problem, place) + _from_environment(place)


def _say_at(problem: Mapping[str, Any], place: str) -> str:
    if problem["type"] == "extra_forbidden":
        parent = problem["loc"][:-1]
        return f"{place}: no such key{_near(str(problem['loc'][-1]), _keys_at(parent))}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _keys_at(place: tuple[Any, ...]) -> list[str]:
    """Keys allowed in the table at `place`, for the suggestion."""
    model: type[BaseModel] = Settings
    rooms: dict[str, type[BaseModel]] = {
        "brands": BrandSettings, "topics": TopicSettings, "scorer": ScorerSettings, "tuning": TuningSettings,
        "digest": DigestSettings,
        "goals": GoalSettings, "listeners": ListenerSettings,
    }  # fmt: skip
    if place:
        model = rooms.get(str(place[0]), Settings)
    return list(model.model_fields)


def _refuse_secrets(data: Any, path: Path, trail: str = "") -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            place = f"{trail}.{key}" if trail else str(key)
            if isinstance(value, str | list) and value and _SECRET_KEY.search(str(key)):
                raise ConfigError(
                    f"{path}: {place} looks like a secret. Secrets do not belong into the file: set the "
                    "environment variable SOCIAL_CARE_SECRET_<NAME> or use the keyring (docs/configuration.md), "
                    "then remove the key."
                )
            if isinstance(value, str) and _PASSWORD_IN_URL.search(value):
                raise ConfigError(
                    f"{path}: {place} holds a URL with a password. Put the whole URL into the environment instead"
                    + (" (SOCIAL_CARE_DATABASE)." if place == "database" else ".")
                )
            _refuse_secrets(value, path, place)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            _refuse_secrets(value, path, f"{trail}[{number}]")


def check_part(model: type[Model], data: Mapping[str, Any], where: str, folder: Path) -> Model:
    """Check one listener's own keys against its model; relative `path` keys are taken from `folder`.

    Raises:
        ConfigError: unknown keys, with a suggestion, or wrong values.
    """
    values = dict(data)
    if isinstance(values.get("path"), str) and values["path"] != "-":
        values["path"] = str(folder / values["path"])
    unknown = [key for key in values if key not in model.model_fields]
    if unknown:
        known = [*model.model_fields, *(ListenerSettings.model_fields if where.startswith("listeners.") else ())]
        raise ConfigError(f"{where}.{unknown[0]}: no such key{_near(unknown[0], known)}")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_say(problem) for problem in error.errors(include_url=False, include_input=False)]
        raise ConfigError(f"{where} needs mending:\n" + "\n".join(f"  - {line}" for line in lines)) from None

"""A workspace: one folder with a configuration, a database and saved replies. Everything is wired here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from social_care import secrets
from social_care.config import FILE_NAME, ListenerSettings, Settings, load_settings
from storage.errors import ConfigError

if TYPE_CHECKING:
    from listeners.ports import Listener, ListenerContext
    from responders.readings import TriageRules
    from responders.saved_replies import SavedReply
    from responders.sla import PolicySet
    from sentiment.ports import Scorer
    from storage.database import Database


@dataclass
class Workspace:
    """What the commands work on. Parts are built when first asked for."""

    folder: Path
    settings: Settings

    @classmethod
    def find(cls, folder: Path | None = None) -> "Workspace":
        """Open the workspace in `folder`, or the nearest one from the current folder upwards.

        Raises:
            ConfigError: there is none, or its file needs mending.
        """
        if folder is not None:
            return cls(folder.resolve(), load_settings(folder / FILE_NAME))
        here = Path.cwd()
        for candidate in (here, *here.parents):
            if (candidate / FILE_NAME).is_file():
                return cls(candidate, load_settings(candidate / FILE_NAME))
        raise ConfigError(f"there is no workspace in {here} or above it; make one with: social-care init")

    @property
    def zone(self) -> str:
        """The IANA zone in which days are counted."""
        return self.settings.zone

    @property
    def database_url(self) -> str:
        """The database's URL, with a SQLite path made absolute from the workspace folder."""
        url = self.settings.database.get_secret_value()
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and ":memory:" not in url:
            return prefix + str(self.folder / url.removeprefix(prefix))
        return url

    @cached_property
    def database(self) -> "Database":
        """The open database, brought to this program's version when it is new or older.

        Raises:
            ConfigError, StorageError: it cannot be opened, or is newer than this program.
        """
        from storage.database import open_database

        database = open_database(self.database_url)
        database.upgrade()
        return database

    @cached_property
    def scorer(self) -> "Scorer":
        """The model that reads posts, loaded once; slow the first time.

        Raises:
            ModelError: the model is missing, broken or of a shape we cannot read.
        """
        from sentiment.transformer import TransformerScorer
        from social_care.other_models import terms_for

        chosen = self.settings.scorer
        try:
            return TransformerScorer.load(
                self.chosen_model,
                revision=chosen.revision,
                threads=chosen.threads,
                urgency_weights=self.settings.urgency,
                default_language=self.settings.language,
                terms=None if self.chosen_model is None else terms_for(self, chosen.model),
            )
        except ValueError as error:
            raise ConfigError(f"[urgency] needs mending: {error}") from None

    @property
    def chosen_model(self) -> str | None:
        """The configured model: None for the bundled one, a folder (from the workspace), or a Hugging Face id."""
        model = self.settings.scorer.model
        if model == "bundled":
            return None
        here = self.folder / Path(model).expanduser()
        return str(here) if here.is_dir() else model

    @cached_property
    def scorer_name(self) -> str:
        """`model@revision` of the configured model, known without loading it but for one that follows a branch."""
        from sentiment.naming import bundled_scorer_name, scorer_name
        from sentiment.pinned import name_of
        from social_care.other_models import terms_for

        chosen = self.settings.scorer
        try:
            if self.chosen_model is None:
                return bundled_scorer_name(self.settings.urgency)
            name = name_of(self.chosen_model, chosen.revision, terms_for(self, chosen.model))
            return self.scorer.name if name is None else scorer_name(name, self.settings.urgency)
        except ValueError as error:
            raise ConfigError(f"[urgency] needs mending: {error}") from None

    @cached_property
    def policies(self) -> "PolicySet":
        """The SLA policies in force, in order.

        Raises:
            ConfigError: a policy cannot be read, or has no open hour.
        """
        from responders.sla import PolicySet, SlaPolicy, default_policies, strict_policies
        from social_care.config import check_part

        if not self.settings.sla:
            return PolicySet.of(strict_policies() if self.settings.sla_preset == "strict" else default_policies())
        return PolicySet.of(
            [
                check_part(SlaPolicy, item, f"sla[{number}]", self.folder)
                for number, item in enumerate(self.settings.sla)
            ]
        )

    @cached_property
    def rules(self) -> "TriageRules":
        """Numbers and lists triage goes by.

        Raises:
            ConfigError: an unknown key or a wrong value under [triage].
        """
        from responders.readings import TriageRules
        from social_care.config import check_part

        return check_part(TriageRules, self.settings.triage, "triage", self.folder)

    def triage(self, now: datetime, advance: Callable[[int], object] | None = None) -> int:
        """Turn what is scored and waiting into cases and clocks; returns how many mentions were dealt with."""
        from social_care import pipeline

        return pipeline.triage_pending(
            self.database,
            scorer_name=self.scorer_name,
            policies=self.policies,
            rules=self.rules,
            now=now,
            advance=advance or (lambda _: None),
        )

    def track(self, now: datetime) -> int:
        """Record warnings and breaches that came due; returns how many."""
        from social_care import pipeline

        return pipeline.track(self.database, policies=self.policies, now=now)

    @cached_property
    def saved_replies(self) -> "tuple[SavedReply, ...]":
        """The saved replies of the workspace's folder.

        Raises:
            ConfigError: a file cannot be read; the message names file and line.
        """
        from responders.saved_replies import load_saved_replies

        folder = self.folder / self.settings.saved_replies
        return load_saved_replies(folder) if folder.is_dir() else ()

    def listener(self, name: str, *, reads_left: int | None = None) -> "Listener":
        """Build one configured listener; opens no connection.

        Raises:
            ConfigError: no such listener, a wrong setting, or a missing secret.
        """
        from listeners import registry
        from social_care.config import check_part

        settings = self.listener_settings(name)
        listener_class = registry.load(settings.type)
        own = check_part(listener_class.Settings, settings.own_settings(), f"listeners.{name}", self.folder)
        return listener_class.build(own, self.listener_context(name, listener_class.network, reads_left))

    def listener_settings(self, name: str) -> ListenerSettings:
        """The configured table of one listener.

        Raises:
            ConfigError: there is none of that name; the message lists those there are.
        """
        listeners: Mapping[str, ListenerSettings] = self.settings.listeners
        if name not in listeners:
            known = ", ".join(sorted(listeners)) or "none yet"
            raise ConfigError(f"there is no listener {name!r} in {FILE_NAME}; configured: {known}")
        return listeners[name]

    def listener_context(self, name: str, network: str, reads_left: int | None) -> "ListenerContext":
        """What a listener is told about this workspace."""
        from listeners.ports import ListenerContext, TopicQuery

        settings = self.listener_settings(name)
        brand = self.settings.brand(settings.brand)
        assert brand is not None  # the configuration was checked
        topics = [
            TopicQuery(topic.name, topic.query)
            for topic in self.settings.topics
            if topic.brand == settings.brand and (settings.topics is None or topic.name in settings.topics)
        ]
        return ListenerContext(
            name=name,
            brand=settings.brand,
            our_accounts=brand.accounts_on(network),
            topics=topics,
            secret=secrets.secret,
            reads_left=reads_left,
        )

"""Errors the whole project shares, named by what happens next."""


class SocialCareError(Exception):
    """Base of every error this project raises on purpose. The message is written for the user."""


class ConfigError(SocialCareError):
    """The user can fix it; the message says how. The command line exits with 2."""


class StateError(SocialCareError):
    """The thing is not in the state the step needs (approved twice, changed by somebody else, unknown id)."""


class NotFoundError(StateError):
    """No row with that number."""


class StorageError(SocialCareError):
    """The database refused: locked for too long, full, corrupt, or of another version."""

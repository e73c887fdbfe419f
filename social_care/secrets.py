"""Secrets: from the environment, else from the keyring; never from a file we read, never shown."""

import os
import re

from storage.errors import ConfigError

SERVICE = "social-care"


def variable(name: str) -> str:
    """The environment variable of a secret: `x-bearer-token` is SOCIAL_CARE_SECRET_X_BEARER_TOKEN."""
    return "SOCIAL_CARE_SECRET_" + re.sub(r"[^A-Z0-9]+", "_", name.upper())


def find_secret(name: str) -> str | None:
    """The secret, or None. The keyring is asked only where its package is installed and a backend works."""
    value = os.environ.get(variable(name))
    if value:
        return value
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        found: str | None = keyring.get_password(SERVICE, name)
    except KeyringError:
        return None
    return found


def secret(name: str) -> str:
    """The secret.

    Raises:
        ConfigError: it is in neither place; the message names both.
    """
    value = find_secret(name)
    if value is None:
        raise ConfigError(
            f"the secret {name!r} is not set. Set the environment variable {variable(name)}, or store it with: "
            f"keyring set {SERVICE} {name} (needs the extra 'keyring')"
        )
    return value

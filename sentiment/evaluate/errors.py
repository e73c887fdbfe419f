"""What goes wrong when a scorer is to be measured."""


class EvaluationError(ValueError):
    """The labelled rows cannot be used; the message says what to fix."""

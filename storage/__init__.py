"""Remember: the vocabulary, and the database under it."""

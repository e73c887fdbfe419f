"""Training of the bundled sentiment model; never imported at run time."""

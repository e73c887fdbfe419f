"""The application: what a person starts, and the only place where everything is wired."""

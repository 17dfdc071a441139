"""Who may sign in: local accounts and those of an OpenID provider, sessions, one-time links, tokens for other systems."""

"""One file a network: SDK client, error table, limits."""

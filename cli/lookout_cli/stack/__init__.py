"""A local stack: broker, keyring, secrets and services of one machine, started and stopped together."""

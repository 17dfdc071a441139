"""Sealing: data keys, envelopes, the keyring, the vault, and signatures."""

"""Load and faults on a local stack: many passes, parts killed at random, and then the account of every key."""

"""Faults, one after another, on a stack that works: what each did to passes, keys and decisions, told by the topics alone."""

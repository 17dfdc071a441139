"""Matching: sealed templates in, confirmed matches out; everyone else's keys destroyed."""

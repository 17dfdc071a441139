"""Matching: sealed templates in, confirmed matches out; everyone else forgotten."""

"""Comparing whole populations: what systems hold against what was planned and confirmed; and the way back into step."""

"""The public surface: hooks in, questions and orders from people and machines, the feed out.

Experience (how is my contract?), process (orders that may be refused), system (any connected system, uniformly).
"""

"""Protocols and plain values: what the inside needs from the outside, and what flows say to the engine."""

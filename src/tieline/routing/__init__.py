"""Routing: who is told what, how a message is signed, and when it is tried again. Pure policies; the engine moves them."""

"""Ironclad, a contract lifecycle management system: tells us what was signed, for whom, at which rates."""

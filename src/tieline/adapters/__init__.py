"""Implementations of the ports: HTTP, secrets, PostgreSQL."""

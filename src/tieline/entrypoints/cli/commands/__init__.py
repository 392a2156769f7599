"""Declarations of the commands. Imports at the top are light; what a command needs is loaded when it runs."""

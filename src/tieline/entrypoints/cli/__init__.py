"""The `tieline` command. Commands are declared in `commands/` with light imports and load what they need when they run."""

from tieline.entrypoints.cli.app import main

__all__ = ["main"]

"""What the watcher sees: chapters, sentences, checks and one progress line. On stderr when a document is asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.status import Status


@dataclass(slots=True)
class Narrator:
    """`stream` takes the story. On a terminal one line at the bottom tells what is awaited."""

    stream: TextIO
    began: float = field(default_factory=time.monotonic)
    _console: Console = field(init=False)
    _waiting: Status | None = None

    def __post_init__(self) -> None:
        self._console = Console(file=self.stream, highlight=False, soft_wrap=True)

    def chapter(self, number: int, title: str) -> None:
        self._console.print(f"\n[bold]{number}  {title}[/bold]  [dim]{self.clock()}[/dim]")

    def say(self, sentence: str) -> None:
        self._console.print(f"   {sentence}", markup=False)

    def lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._console.print(f"     {line}", markup=False, style="cyan" if line.lstrip()[:1] in "+~" else None)

    def seen(self, what: str, value: str, *, ok: bool) -> None:
        """Something read in a system itself, with what it was expected to be."""
        mark, style = ("✓", "green") if ok else ("✗", "bold red")
        self._console.print(f"   [{style}]{mark}[/{style}] {what}: [bold]{value}[/bold]")

    def step(self, name: str, fraction: float) -> None:
        """Preparation steps: one line each, since a download may take its time."""
        done = int(fraction * 20)
        self._console.print(f"   [{'█' * done}{'░' * (20 - done)}] {fraction:>4.0%}  {name}", markup=False)

    @contextmanager
    def awaiting(self, what: str) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"waiting for {what}", spinner="dots"):
            yield

    def clock(self) -> str:
        return f"{time.monotonic() - self.began:.1f} s"


def narrator(*, as_json: bool) -> Narrator:
    return Narrator(sys.stderr if as_json else sys.stdout)

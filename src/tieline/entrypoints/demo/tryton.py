"""What the real ERP holds, by the names on the paper: the story's own questions to the rehearsal's witness."""

from __future__ import annotations

from tieline.entrypoints.rehearsal.checks import Record, Witness


class TrytonWitness(Witness):
    def parties(self, name: str) -> list[Record]:
        """All of this name: two would mean that a client was created twice."""
        return self._read("party.party", [["name", "=", name]], "name", "code")

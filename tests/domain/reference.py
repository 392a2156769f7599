"""The generated reference: event schemas and the table of hold codes. `python tests/domain/reference.py` writes them."""

from __future__ import annotations

import json
from pathlib import Path

from tieline.domain.fact_examples import EXAMPLES
from tieline.domain.fact_schemas import schema_of
from tieline.domain.facts import CATALOGUE, payload, type_of
from tieline.domain.hold_codes import HoldCode
from tieline.domain.holds import CATALOGUE as HOLD_CODES
from tieline.domain.holds import general_way_out

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "docs" / "reference" / "events"
HOLDS = ROOT / "docs" / "spec" / "hold-codes.md"

_INTRO = """# Hold codes

Generated from `tieline.domain.holds`; do not edit. A hold is the business reason why something may not move. Its code is
stable: pages, alerts and runbooks are named after it. Words in ‹› are filled in per case. The owner acts next.

| Code | Rule | Owner | Title | Way out |
|---|---|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    examples = {type_of(event): payload(event) for event in EXAMPLES}
    schemas = {
        EVENTS / f"{entry.type}.json": _text({**schema_of(entry), "examples": [examples[entry.type]]})
        for entry in CATALOGUE.values()
    }
    return {**schemas, HOLDS: _INTRO + "".join(_row(code) for code in HOLD_CODES.values())}


def _row(code: HoldCode) -> str:
    link = f"[{code.code}](../runbooks/{code.code}.md)"
    return f"| {link} | {code.rule or ''} | {code.owner} | {code.title} | {general_way_out(code.code)} |\n"


def _text(schema: object) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(pages())} pages written")


if __name__ == "__main__":
    main()

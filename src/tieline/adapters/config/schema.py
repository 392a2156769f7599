"""The JSON Schema of `tieline.yaml` for editors: `tieline config schema`."""

from __future__ import annotations

from typing import Any

from tieline.adapters.config.model import Document
from tieline.adapters.config.systems import Connectors


def json_schema(connectors: Connectors) -> dict[str, Any]:
    """Draft 2020-12. A system's keys depend on its connector, so each connector has its own branch."""
    schema = Document.model_json_schema()
    definitions = schema["$defs"]
    common = definitions.pop("SystemPart")
    branches = []
    for name, connector in sorted(connectors.items()):
        own = connector.settings_type.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        definitions |= {f"{name}.{key}": value for key, value in own.pop("$defs", {}).items()}
        own["properties"] |= common["properties"] | {
            "connector": {"const": name, "description": connector.manifest.title}
        }
        own["required"] = ["connector", *own.get("required", [])]
        branches.append(own)
    definitions["SystemPart"] = {"oneOf": branches} if branches else common
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tieline.yaml", **schema}

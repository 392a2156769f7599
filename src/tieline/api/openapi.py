"""The description of the API, and the command that writes it: `python -m tieline.api.openapi docs/reference/openapi.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `runbook` says what to do.",
    "required": ["type", "title", "status", "detail", "code", "correlation_id", "retryable", "errors", "runbook"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "correlation_id": {"type": "string"},
        "retryable": {"type": "boolean"},
        "retry_after_s": {"type": ["number", "null"]},
        "runbook": {"type": "string"},
        "owner": {"type": "string"},
        "way_out": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
    "description": "One value per intention; a repeat with the same value gets the first answer again.",
}


def described(api: FastAPI) -> None:
    """Let `api` describe itself with problems, the key and the Idempotency-Key, which its routes handle themselves."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            found = get_openapi(title=api.title, version=api.version, routes=api.routes, openapi_version="3.1.0")
            api.openapi_schema = _completed(found)
        return api.openapi_schema

    replacement: Callable[[], dict[str, Any]] = document
    api.openapi = replacement  # type: ignore[method-assign]  # FastAPI's documented way to extend its description


def text(api: FastAPI) -> str:
    return json.dumps(api.openapi(), indent=1, sort_keys=True) + "\n"


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "tl_…"}}
    document["security"] = [{"key": []}]
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    answers["default"] = {
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if "202" in answers:
        operation.setdefault("parameters", []).append(_KEY)


def main(arguments: list[str]) -> None:
    from tieline.api.app import create_api  # the application describes itself through this module

    Path(arguments[0]).write_text(text(create_api()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or ["docs/reference/openapi.json"])

"""What a firm says about its connection. The reference page is made from these fields."""

from __future__ import annotations

from pydantic import Field

from tieline import sdk


class ExampleSettings(sdk.ConnectorSettings):
    token_ref: str = Field(description="Where the API token is kept.", examples=["env:EXAMPLE_TOKEN"])

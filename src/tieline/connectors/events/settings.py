"""What a firm says about its inbox."""

from __future__ import annotations

from pydantic import Field

from tieline import sdk


class EventsSettings(sdk.ConnectorSettings):
    base_url: str = Field(
        "https://inbox.invalid", description="Not used: the inbox only receives.", examples=["https://inbox.invalid"]
    )
    signing_secret_ref: str = Field(
        description="Where the shared signing secret (whsec_…) is kept.", examples=["env:INBOX_SIGNING_SECRET"]
    )
    previous_signing_secret_ref: str = Field(
        "", description="Where the secret before it is kept, while senders change over. Remove it afterwards."
    )
    sources: tuple[str, ...] = Field(
        (), description="CloudEvents sources that may hand in; empty: any sender that knows the secret.",
        examples=[["/northwind/psa"]],
    )  # fmt: skip

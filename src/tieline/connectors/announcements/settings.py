"""What a firm says about the place that wants to be told."""

from __future__ import annotations

from pydantic import Field

from tieline import sdk


class AnnouncementsSettings(sdk.ConnectorSettings):
    path: str = Field(
        "/", pattern=r"^/[!-~]*$", description="Where the receiver takes webhooks, below base_url.",
        examples=["/hooks/tieline"],
    )  # fmt: skip
    signing_secret_ref: str = Field(
        description="Where the signing secret (whsec_…) that the receiver knows is kept.",
        examples=["env:ANNOUNCEMENTS_SIGNING_SECRET"],
    )
    source: str = Field(
        "/tieline", min_length=1, description="What the announcements name as their CloudEvents source.",
        examples=["/northwind/tieline"],
    )  # fmt: skip

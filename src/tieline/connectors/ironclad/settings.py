"""What a firm says about its Ironclad connection. The reference page is made from these fields."""

from __future__ import annotations

from pydantic import Field

from tieline import sdk


class IroncladSettings(sdk.ConnectorSettings):
    client_id: str = Field(description="Client id of the OAuth application in Ironclad.", examples=["tieline"])
    client_secret_ref: str = Field(
        description="Where its secret is kept.", examples=["env:IRONCLAD_CLIENT_SECRET", "file:/run/secrets/ironclad"]
    )
    as_user_email: str = Field(
        description="Ironclad user in whose name records are read; may see contracts, nothing else.",
        examples=["integrations@northwind.example"],
    )
    webhook_public_key: str = Field(
        "", description="Ironclad's public key (PEM) for webhook signatures; or use webhook_public_key_ref."
    )
    webhook_public_key_ref: str = Field(
        "", description="Where that public key is kept.", examples=["file:/etc/tieline/ironclad.pem"]
    )
    company_id: str = Field("", description="Ironclad's id of the firm; webhooks of another company are refused.")
    contract_types: tuple[str, ...] = Field(
        ("servicesAgreement",), description="Record types that are contracts.", examples=[["servicesAgreement"]]
    )
    amendment_types: tuple[str, ...] = Field(
        ("servicesAmendment",), description="Record types that amend a contract.", examples=[["servicesAmendment"]]
    )
    poll_overlap_s: int = Field(
        120, ge=0, le=86_400, description="Seconds that each poll reads again, for records that appeared late."
    )

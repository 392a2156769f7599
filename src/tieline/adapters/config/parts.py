"""What every group of `tieline.yaml` has in common: unknown keys are errors, and nothing changes after reading."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

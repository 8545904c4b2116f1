"""Saving the files of a step."""

from collections.abc import Iterable

from examples.campaign.models.files import CampaignFile
from langgraph_runner.workflow import StepContext

__all__ = ["save"]


def save(ctx: StepContext, files: Iterable[CampaignFile]) -> None:
    """Save each file as an artifact under its path."""
    for file in files:
        ctx.save_artifact(file.path, file.text, file.media_type)

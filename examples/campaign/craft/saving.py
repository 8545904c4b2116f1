"""Files of a step to its artifacts."""

from collections.abc import Iterable

from examples.campaign.models.files import CampaignFile
from langgraph_runner.workflow import StepContext

__all__ = ["save"]


def save(ctx: StepContext, files: Iterable[CampaignFile]) -> None:
    """Keep each file under its path."""
    for file in files:
        ctx.save_artifact(file.path, file.text, file.media_type)

"""6. Body copy: by template, or by a model."""

from examples.campaign.craft.copy_drafts import drafted_copy
from examples.campaign.craft.documents import copy_files
from examples.campaign.craft.saving import save
from examples.campaign.craft.writer import by_templates, rewritten
from examples.campaign.models.brief import Tone
from examples.campaign.models.strategy import NormalBrief, Pillars
from examples.campaign.models.words import BodyCopy
from langgraph_runner.workflow import StepContext

__all__ = ["body_copy", "body_copy_by_template"]


def body_copy(
    brief: NormalBrief, pillars: Pillars, tone: Tone, writer: str | None, ctx: StepContext
) -> BodyCopy:
    """Write the texts below the headlines."""
    draft = drafted_copy(brief, pillars, tone)
    if writer is not None:
        draft = rewritten(draft, writer=writer, tone=tone)
    save(ctx, copy_files(draft))
    return draft


def body_copy_by_template(
    brief: NormalBrief, pillars: Pillars, tone: Tone, writer: str | None, ctx: StepContext
) -> BodyCopy:
    """Write the texts with the templates, after the model has failed."""
    draft = by_templates(drafted_copy(brief, pillars, tone), writer=writer)
    save(ctx, copy_files(draft))
    return draft

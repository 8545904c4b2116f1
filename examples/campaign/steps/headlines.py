"""5. Headlines: by template or by a model. Headlines that the client wrote win over both."""

from examples.campaign.craft.documents import headline_files
from examples.campaign.craft.headline_drafts import drafted_headlines
from examples.campaign.craft.saving import save
from examples.campaign.craft.writer import by_templates, rewritten
from examples.campaign.models.brief import Headlines, Tone
from examples.campaign.models.strategy import NormalBrief, Pillars
from examples.campaign.models.words import GroupHeadline, HeadlineSet
from langgraph_runner.workflow import StepContext

__all__ = ["headlines", "headlines_by_template"]


def headlines(
    *,
    brief: NormalBrief,
    pillars: Pillars,
    tone: Tone,
    wording: Headlines,
    writer: str | None,
    ctx: StepContext,
) -> HeadlineSet:
    """Write the headlines."""
    draft = drafted_headlines(brief, pillars, tone)
    if writer is not None:
        draft = rewritten(draft, writer=writer, tone=tone)
    return _finished(draft, wording, pillars, ctx)


def headlines_by_template(
    *,
    brief: NormalBrief,
    pillars: Pillars,
    tone: Tone,
    wording: Headlines,
    writer: str | None,
    ctx: StepContext,
) -> HeadlineSet:
    """Write the headlines with the templates, after the model has failed."""
    draft = by_templates(drafted_headlines(brief, pillars, tone), writer=writer)
    return _finished(draft, wording, pillars, ctx)


def _finished(made: HeadlineSet, wording: Headlines, pillars: Pillars, ctx: StepContext) -> HeadlineSet:
    # The brief refers to groups by name, the steps by id.
    by_name = {name.casefold(): text for name, text in wording.groups.items()}
    own = {angle.segment: by_name.get(angle.name.casefold()) for angle in pillars.angles}
    finished = HeadlineSet(
        written_by=made.written_by,
        hero=wording.hero or made.hero,
        groups=tuple(
            GroupHeadline(segment=each.segment, text=own[each.segment] or each.text) for each in made.groups
        ),
    )
    save(ctx, headline_files(finished))
    return finished

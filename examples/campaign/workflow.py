"""`campaign.build.v1`: its steps, their retries and fallbacks, and its change requests."""

from typing import Any, Final

from examples.campaign.models.brief import Brief
from examples.campaign.models.changes import (
    NewAudience,
    NewBudget,
    NewHeadline,
    NewLook,
    NewSchedule,
    NewTone,
)
from examples.campaign.steps.body_copy import body_copy, body_copy_by_template
from examples.campaign.steps.brief import brief
from examples.campaign.steps.bundle import bundle
from examples.campaign.steps.calendar import calendar
from examples.campaign.steps.emails import emails
from examples.campaign.steps.headlines import headlines, headlines_by_template
from examples.campaign.steps.landing_page import landing_page
from examples.campaign.steps.links import links
from examples.campaign.steps.media_plan import media_plan
from examples.campaign.steps.pillars import pillars
from examples.campaign.steps.segments import segments
from examples.campaign.steps.theme import theme
from examples.campaign.steps.visuals import visuals
from langgraph_runner import RetryConfig
from langgraph_runner.workflow import StepOptions, Workflow

__all__ = ["CAMPAIGN", "campaign"]

CAMPAIGN: Final = "campaign.build.v1"

# A chat model may be overloaded for a while. If all attempts fail, the templates are the fallback.
WRITING: Final[StepOptions] = {
    "retry": RetryConfig(max_attempts=3, backoff_ms=500, max_backoff_ms=5_000),
    "timeout_ms": 60_000,
    "total_timeout_ms": 120_000,
}


def in_field(name: str) -> Any:
    """Return an `apply` that merges a payload into one field of the inputs. None in the payload changes nothing."""

    def apply(inputs: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in payload.items() if value is not None}
        return {**inputs, name: {**inputs[name], **given}}

    return apply


def with_headline(inputs: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Replace one headline, and leave the others as they are."""
    wording = inputs["wording"]
    if payload.get("group") is None:
        return {**inputs, "wording": {**wording, "hero": payload["text"]}}
    groups = {**wording["groups"], payload["group"]: payload["text"]}
    return {**inputs, "wording": {**wording, "groups": groups}}


campaign = Workflow(CAMPAIGN, inputs=Brief, description="A campaign from a brief, offline.")

campaign.step(brief)
campaign.step(segments)
campaign.step(pillars)
campaign.step(theme)
campaign.step(headlines, fallback=headlines_by_template, **WRITING)
campaign.step(body_copy, fallback=body_copy_by_template, **WRITING)
campaign.step(media_plan)
campaign.step(links)
campaign.step(calendar)
campaign.step(visuals)
campaign.step(landing_page)
campaign.step(emails)
campaign.step(bundle)

# Each change affects one field of the inputs. The steps that read it run again; so do the steps that depend on them,
# if their arguments change.
campaign.on_change(
    "change_theme", apply=in_field("look"), payload=NewLook, description="another hue, light or dark"
)
campaign.on_change("change_tone", payload=NewTone, description="warm, bold or plain")
campaign.on_change(
    "change_budget", apply=in_field("budget"), payload=NewBudget, description="more or less money"
)
campaign.on_change("change_audience", payload=NewAudience, description="other audience groups")
campaign.on_change(
    "change_headline", apply=with_headline, payload=NewHeadline, description="one headline, by hand"
)
campaign.on_change(
    "change_schedule", apply=in_field("schedule"), payload=NewSchedule, description="another start or length"
)

"""9. The calendar: all dates of the campaign, as an iCalendar file."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final

from examples.campaign.craft.calendars import Entry, calendar_text
from examples.campaign.craft.copy_drafts import MAIL_IDS
from examples.campaign.craft.documents import money
from examples.campaign.craft.names import slug
from examples.campaign.craft.saving import save
from examples.campaign.craft.wording import capital
from examples.campaign.models.files import CampaignFile, TextFiles
from examples.campaign.models.plan import MediaPlan
from examples.campaign.models.strategy import NormalBrief
from langgraph_runner.workflow import StepContext

__all__ = ["calendar"]

_SATURDAY: Final = 5
_MAIL_HOUR: Final = time(9)


def calendar(brief: NormalBrief, media_plan: MediaPlan, ctx: StepContext) -> TextFiles:
    """Write the calendar file."""
    entries = [
        Entry(f"{name}@{brief.campaign}.{slug(brief.brand)}.invalid", when, days, title, note)
        for name, when, days, title, note in _entries(brief, media_plan)
    ]
    text = calendar_text(f"{brief.product}: campaign", entries, stamp=media_plan.start)
    made = TextFiles(files=(CampaignFile(path="plan/calendar.ics", media_type="text/calendar", text=text),))
    save(ctx, made.files)
    return made


def _entries(brief: NormalBrief, plan: MediaPlan) -> Iterator[tuple[str, date, int, str, str]]:
    start, days = plan.start, plan.weeks * 7
    last = start + timedelta(days=days - 1)
    yield "launch", start, 1, f"{brief.product}: launch", f"The landing page goes live.\n{brief.offer}"
    for channel, cents in plan.by_channel().items():
        names = ", ".join(each.name for each in plan.flights if each.channel == channel)
        note = f"{money(cents)} {plan.currency} for {names}"
        yield f"flight-{channel.value}", start, days, f"{capital(channel.value)} runs", note
    for mail, when in zip(MAIL_IDS, (start, start + timedelta(days=days // 2), last), strict=True):
        note = f"emails/{mail}.html in the bundle"
        yield f"mail-{mail}", datetime.combine(_workday(when), _MAIL_HOUR), 0, f"Send e-mail: {mail}", note
    for week in range(1, plan.weeks):
        spent = sum(flight.weekly_cents[week - 1] for flight in plan.flights)
        note = f"Planned for the week before: {money(spent)} {plan.currency}"
        yield f"review-{week}", _workday(start + timedelta(weeks=week)), 1, f"Review of week {week}", note
    yield "wrap-up", _workday(last + timedelta(days=3)), 1, "What have we learned?", "Figures and next steps"


def _workday(day: date) -> date:
    """Return the day, or the next Monday if it is on a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() >= _SATURDAY else day

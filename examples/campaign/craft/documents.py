"""The campaign's tables and texts as files. The steps save them, and the bundle contains them."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import timedelta

from examples.campaign.models.files import CampaignFile
from examples.campaign.models.plan import MediaPlan, TrackedLinks
from examples.campaign.models.theme import Theme
from examples.campaign.models.words import BodyCopy, HeadlineSet

__all__ = ["copy_files", "headline_files", "link_files", "money", "plan_files", "style_rules", "theme_files"]


def money(cents: int) -> str:
    """Return an amount in full units, as spreadsheets read it."""
    return f"{cents // 100}.{cents % 100:02}"


def theme_files(theme: Theme) -> tuple[CampaignFile, ...]:
    """Return the colours as CSS custom properties, and a table of their contrasts."""
    checks = [
        (check.text, theme[check.text], check.ground, theme[check.ground], check.ratio, check.required)
        for check in theme.checks
    ]
    header = ("text", "colour", "ground", "ground colour", "ratio", "required")
    return (
        CampaignFile(path="theme/theme.css", media_type="text/css", text=style_rules(theme)),
        _table("theme/contrast.csv", [header, *checks]),
    )


def style_rules(theme: Theme) -> str:
    """Return the colours as CSS custom properties."""
    rules = "".join(f"  --{role.replace('_', '-')}: {colour};\n" for role, colour in theme.colours.items())
    return f":root {{\n  color-scheme: {theme.mode};\n{rules}}}\n"


def headline_files(headlines: HeadlineSet) -> tuple[CampaignFile, ...]:
    """Return the headlines as Markdown."""
    lines = [f"- **{each.segment}**: {each.text}" for each in headlines.groups]
    text = "\n".join(["# Headlines", "", f"**{headlines.hero}**", "", *lines, ""])
    return (CampaignFile(path="copy/headlines.md", media_type="text/markdown", text=text),)


def copy_files(copy: BodyCopy) -> tuple[CampaignFile, ...]:
    """Return the copy as Markdown, and the search advertisements as a table for upload."""
    parts = ["# Copy", copy.lead]
    parts += [f"## {each.title}\n\n{each.text} {each.proof}" for each in copy.sections]
    parts += ["# Questions", *[f"**{each.question}** {each.answer}" for each in copy.questions]]
    parts += ["# Posts", *[f"- **{each.segment}**: {each.text}" for each in copy.posts]]
    parts += ["# Closing", copy.closing, ""]
    rows = [
        (ad.segment, kind, text, len(text))
        for ad in copy.ads
        for kind, texts in (("title", ad.titles), ("description", ad.descriptions))
        for text in texts
    ]
    return (
        CampaignFile(path="copy/copy.md", media_type="text/markdown", text="\n\n".join(parts)),
        _table("copy/search-ads.csv", [("segment", "part", "text", "characters"), *rows]),
    )


def plan_files(plan: MediaPlan) -> tuple[CampaignFile, ...]:
    """Return the plan as a table with a line of sums."""
    weeks = [f"week of {plan.start + timedelta(weeks=week)}" for week in range(plan.weeks)]
    header = ("segment", "channel", plan.currency, "impressions", *weeks)
    rows = [
        (
            each.segment,
            each.channel.value,
            money(each.cents),
            each.impressions,
            *map(money, each.weekly_cents),
        )
        for each in plan.flights
    ]
    sums = [sum(column) for column in zip(*(each.weekly_cents for each in plan.flights), strict=True)]
    views = sum(each.impressions for each in plan.flights)
    return (
        _table(
            "plan/media-plan.csv",
            [header, *rows, ("total", "", money(plan.total_cents), views, *map(money, sums))],
        ),
    )


def link_files(links: TrackedLinks) -> tuple[CampaignFile, ...]:
    """Return the links as a table, and as a `_redirects` file for static hosts."""
    rows = [(each.id, each.placement, each.short_url, each.url) for each in links.links]
    redirects = "".join(f"/go/{each.id} {each.url} 302\n" for each in links.links)
    return (
        _table("plan/links.csv", [("id", "placement", "short", "long"), *rows]),
        CampaignFile(path="_redirects", media_type="text/plain", text=redirects),
    )


def _table(path: str, rows: Iterable[Sequence[object]]) -> CampaignFile:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return CampaignFile(path=path, media_type="text/csv", text=text.getvalue())


def _cell(value: object) -> object:
    # A spreadsheet would read it as a formula.
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value

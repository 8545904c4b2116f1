"""13. The bundle: everything in one zip file with a manifest; the same campaign gives the same bytes."""

import hashlib
import json
from collections.abc import Iterable

from examples.campaign.craft.archives import zipped
from examples.campaign.craft.documents import copy_files, headline_files, link_files, plan_files, theme_files
from examples.campaign.models.files import Bundle, CampaignFile, ManifestEntry, TextFiles, Visuals
from examples.campaign.models.plan import MediaPlan, TrackedLinks
from examples.campaign.models.strategy import NormalBrief, Pillars, Segments
from examples.campaign.models.theme import Theme
from examples.campaign.models.words import BodyCopy, HeadlineSet
from langgraph_runner.workflow import StepContext

__all__ = ["bundle"]


def bundle(
    *,
    brief: NormalBrief,
    segments: Segments,
    pillars: Pillars,
    theme: Theme,
    headlines: HeadlineSet,
    body_copy: BodyCopy,
    media_plan: MediaPlan,
    links: TrackedLinks,
    calendar: TextFiles,
    visuals: Visuals,
    landing_page: TextFiles,
    emails: TextFiles,
    ctx: StepContext,
) -> Bundle:
    """Pack all files into a zip file."""
    files = [
        _strategy(brief, segments, pillars),
        *theme_files(theme),
        *headline_files(headlines),
        *copy_files(body_copy),
        *plan_files(media_plan),
        *link_files(links),
        *calendar.files,
        *visuals.files,
        *landing_page.files,
        *emails.files,
    ]
    entries = tuple(sorted(map(_entry, files), key=lambda entry: entry.path))
    manifest = _manifest(brief.campaign, entries)
    data = zipped({file.path: file.text.encode() for file in files} | {"manifest.json": manifest})
    name = f"{brief.campaign}.zip"
    ctx.save_artifact("manifest.json", manifest, "application/json")
    ctx.save_artifact(name, data, "application/zip")
    return Bundle(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), entries=entries)


def _entry(file: CampaignFile) -> ManifestEntry:
    data = file.text.encode()
    return ManifestEntry(
        path=file.path,
        media_type=file.media_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _manifest(campaign: str, entries: Iterable[ManifestEntry]) -> bytes:
    listed = {"campaign": campaign, "files": [entry.model_dump() for entry in entries]}
    return (json.dumps(listed, indent=2, ensure_ascii=False) + "\n").encode()


def _strategy(brief: NormalBrief, segments: Segments, pillars: Pillars) -> CampaignFile:
    """Return a summary of messages and audience, for the people who run the campaign."""
    lines = [f"# {brief.product} by {brief.brand}", "", "## Messages", ""]
    lines += [f"{number}. {pillar.claim}. {pillar.proof}" for number, pillar in enumerate(pillars.pillars, 1)]
    lines += [
        "",
        "## Audience",
        "",
        "| who | share | wants to | is convinced by | channels |",
        "|---|---|---|---|---|",
    ]
    for segment, angle in zip(segments.segments, pillars.angles, strict=True):
        channels = ", ".join(channel.value for channel in segment.channels)
        cells = (segment.name, f"{segment.share_percent} %", segment.wants, pillars.of(angle).claim, channels)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return CampaignFile(path="strategy.md", media_type="text/markdown", text="\n".join([*lines, ""]))

"""8. Tracking links: one for each placement."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from examples.campaign.craft.copy_drafts import MAIL_IDS
from examples.campaign.craft.documents import link_files
from examples.campaign.craft.names import short_id
from examples.campaign.craft.saving import save
from examples.campaign.models.plan import TrackedLink, TrackedLinks
from examples.campaign.models.strategy import NormalBrief, Segments
from langgraph_runner.workflow import StepContext

__all__ = ["links"]

_MEDIUM: Final = {
    "search": "cpc",
    "social": "paid-social",
    "video": "paid-video",
    "email": "email",
    "outdoor": "qr-code",
    "page": "owned",
}
_ID_LENGTH: Final = 6


def links(brief: NormalBrief, segments: Segments, ctx: StepContext) -> TrackedLinks:
    """Make a link for each placement. Its id depends only on the campaign and the placement."""
    placements = [
        ("page", "landing-page"),
        *(("email", mail) for mail in MAIL_IDS),
        *((channel.value, segment.id) for segment in segments.segments for channel in segment.channels),
    ]
    taken: set[str] = set()
    made = []
    for source, content in dict.fromkeys(placements):
        placement = f"{source}:{content}"
        each = _free_id(f"{brief.campaign} {placement}", taken)
        taken.add(each)
        made.append(
            TrackedLink(
                id=each,
                placement=placement,
                url=_tracked(brief, source, content),
                short_url=_short(brief.site, each),
            )
        )
    found = TrackedLinks(links=tuple(made))
    save(ctx, link_files(found))
    return found


def _free_id(text: str, taken: set[str]) -> str:
    length = _ID_LENGTH
    while (each := short_id(text, length)) in taken:
        length += 1
    return each


def _tracked(brief: NormalBrief, source: str, content: str) -> str:
    """Return the address of the site with UTM parameters. Its own query parameters are kept."""
    parts = urlsplit(brief.site)
    tracking = {
        "utm_source": source,
        "utm_medium": _MEDIUM[source],
        "utm_campaign": brief.campaign,
        "utm_content": content,
    }
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in tracking
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *tracking.items()])))


def _short(site: str, each: str) -> str:
    parts = urlsplit(site)
    return urlunsplit((parts.scheme, parts.netloc, f"/go/{each}", "", ""))

"""12. E-mails: plain text, and HTML with tables and inline styles, because mail programs need them."""

from html import escape
from pathlib import Path
from string import Template

from examples.campaign.craft.saving import save
from examples.campaign.models.files import CampaignFile, TextFiles
from examples.campaign.models.plan import TrackedLinks
from examples.campaign.models.strategy import NormalBrief
from examples.campaign.models.theme import Theme
from examples.campaign.models.words import BodyCopy, Mail
from langgraph_runner.workflow import StepContext

__all__ = ["emails"]

_MAIL = Template(Path(__file__).with_name("email.html").read_text(encoding="utf-8"))
_PARAGRAPH = Template('          <p style="margin:0 0 18px;">$text</p>\n')
_UNSUBSCRIBE = "{{unsubscribe_url}}"  # The sending service replaces it.


def emails(
    brief: NormalBrief, theme: Theme, body_copy: BodyCopy, links: TrackedLinks, ctx: StepContext
) -> TextFiles:
    """Write each mail in both forms."""
    files = []
    for mail in body_copy.mails:
        link = links.to(f"email:{mail.id}")
        html, text = _html(brief, theme, mail, link), _text(brief, mail, link)
        files.append(CampaignFile(path=f"emails/{mail.id}.html", media_type="text/html", text=html))
        files.append(CampaignFile(path=f"emails/{mail.id}.txt", media_type="text/plain", text=text))
    made = TextFiles(files=tuple(files))
    save(ctx, made.files)
    return made


def _html(brief: NormalBrief, theme: Theme, mail: Mail, link: str) -> str:
    said = {
        "subject": mail.subject,
        "preheader": mail.preheader,
        "title": mail.title,
        "brand": brief.brand,
        "action": brief.action,
        "link": link,
        "unsubscribe": _UNSUBSCRIBE,
    }
    paragraphs = "".join(_PARAGRAPH.substitute(text=escape(each)) for each in mail.paragraphs)
    return _MAIL.substitute(
        {name: escape(value) for name, value in said.items()}
        | {f"{role}_colour": colour for role, colour in theme.colours.items()},
        mode=theme.mode,
        paragraphs=paragraphs,
    )


def _text(brief: NormalBrief, mail: Mail, link: str) -> str:
    parts = (
        f"Subject: {mail.subject}",
        mail.title,
        *mail.paragraphs,
        f"{brief.action}: {link}",
        f"{brief.brand}. No more of these: {_UNSUBSCRIBE}",
    )
    return "\n\n".join(parts) + "\n"

"""10. Images: the hero of the landing page, and a card with a headline for each network and segment."""

from typing import Final, NamedTuple

from examples.campaign.craft.saving import save
from examples.campaign.craft.scenery import Canvas, landscape
from examples.campaign.craft.svg import document, text_block, text_line
from examples.campaign.craft.typesetting import fitted, width
from examples.campaign.models.files import Image, Visuals
from examples.campaign.models.strategy import NormalBrief
from examples.campaign.models.theme import Theme
from examples.campaign.models.words import HeadlineSet
from langgraph_runner.workflow import StepContext

__all__ = ["visuals"]


class _Format(NamedTuple):
    width: int
    height: int
    horizon: float
    margin: int
    room: float
    """How wide the headline may be, from 0 to 1."""
    size: float
    """Maximum font size of the headline."""


_SHARE: Final = _Format(1200, 630, 0.56, 64, 0.8, 84)
_STORY: Final = _Format(1080, 1920, 0.6, 84, 1.0, 132)
_SQUARE: Final = _Format(1080, 1080, 0.61, 76, 1.0, 104)


def visuals(brief: NormalBrief, theme: Theme, headlines: HeadlineSet, ctx: StepContext) -> Visuals:
    """Draw the images."""
    canvas = Canvas(1600, 900, 0.46, brief.campaign)
    hero = Image(
        path="images/hero.svg",
        media_type="image/svg+xml",
        width=canvas.width,
        height=canvas.height,
        alt="Ridges of hills with trees, one behind the other, under a low sun",
        text=document(canvas.width, canvas.height, title="A landscape", body=landscape(canvas, theme)),
    )
    made = Visuals(
        hero=hero,
        cards=(
            _card("share", headlines.hero, _SHARE, brief, theme),
            _card("story", headlines.hero, _STORY, brief, theme),
            *(_card(f"social-{each.segment}", each.text, _SQUARE, brief, theme) for each in headlines.groups),
        ),
    )
    save(ctx, made.files)
    return made


def _card(name: str, headline: str, form: _Format, brief: NormalBrief, theme: Theme) -> Image:
    canvas = Canvas(form.width, form.height, form.horizon, f"{brief.campaign} {name}")
    head = form.margin + form.size * 0.62
    room = ((form.width - 2 * form.margin) * form.room, canvas.clear - head)
    block = fitted(headline, box=room, size=form.size, least=form.size / 3)
    body = [
        landscape(canvas, theme),
        text_line(
            brief.brand,
            form.margin,
            form.margin + form.size * 0.2,
            size=form.size * 0.3,
            colour=theme["brand"],
        ),
        text_block(block, form.margin, head, colour=theme["ink"]),
        _button(brief.action, form, theme),
    ]
    alt = f"{headline} {brief.brand}: {brief.action}."
    return Image(
        path=f"images/{name}.svg",
        media_type="image/svg+xml",
        width=form.width,
        height=form.height,
        alt=alt,
        text=document(form.width, form.height, title=alt, body="\n".join(body)),
    )


def _button(action: str, form: _Format, theme: Theme) -> str:
    size = form.size * 0.34
    height, inset = size * 2.3, size * 1.1
    wide = width(action, size) + 2 * inset
    top = form.height - form.margin - height
    return (
        f'<rect x="{form.margin}" y="{top:.0f}" width="{wide:.0f}" height="{height:.0f}" '
        f'rx="{height / 2:.0f}" fill="{theme["accent"]}"/>\n'
        + text_line(action, form.margin + inset, top + height * 0.65, size=size, colour=theme["on_accent"])
    )

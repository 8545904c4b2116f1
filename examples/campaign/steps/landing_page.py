"""11. The landing page: one HTML file next to its images, without scripts."""

from html import escape
from pathlib import Path
from string import Template

from examples.campaign.craft.documents import style_rules
from examples.campaign.craft.saving import save
from examples.campaign.models.files import CampaignFile, TextFiles, Visuals
from examples.campaign.models.plan import TrackedLinks
from examples.campaign.models.strategy import NormalBrief
from examples.campaign.models.theme import Theme
from examples.campaign.models.words import BodyCopy, HeadlineSet
from langgraph_runner.workflow import StepContext

__all__ = ["landing_page"]

_PAGE = Template(Path(__file__).with_name("landing_page.html").read_text(encoding="utf-8"))
_SECTION = Template("""\
      <article>
        <p class="number" aria-hidden="true">$number</p>
        <h3>$title</h3>
        <p>$text</p>
        <p class="proof">$proof</p>
      </article>
""")
_QUESTION = Template("""\
      <details$opened>
        <summary>$question</summary>
        <p>$answer</p>
      </details>
""")


def landing_page(
    *,
    brief: NormalBrief,
    theme: Theme,
    headlines: HeadlineSet,
    body_copy: BodyCopy,
    visuals: Visuals,
    links: TrackedLinks,
    ctx: StepContext,
) -> TextFiles:
    """Write the page. Every text is escaped."""
    said = {
        "brand": brief.brand,
        "product": brief.product,
        "action": brief.action,
        "offer": brief.offer,
        "headline": headlines.hero,
        "lead": body_copy.lead,
        "closing": body_copy.closing,
        "link": links.to("page:landing-page"),
        "hero": visuals.hero.path,
        "hero_width": visuals.hero.width,
        "hero_height": visuals.hero.height,
        "share": visuals.cards[0].path,
        "share_alt": visuals.cards[0].alt,
        "theme_colour": theme["sky_top"],
    }
    text = _PAGE.substitute(
        {name: escape(str(value)) for name, value in said.items()},
        theme=style_rules(theme),
        sections=_sections(body_copy),
        questions=_questions(body_copy),
    )
    made = TextFiles(files=(CampaignFile(path="index.html", media_type="text/html", text=text),))
    save(ctx, made.files)
    return made


def _sections(copy: BodyCopy) -> str:
    return "".join(
        _SECTION.substitute(
            number=f"{number:02}",
            title=escape(section.title),
            text=escape(section.text),
            proof=escape(section.proof),
        )
        for number, section in enumerate(copy.sections, 1)
    )


def _questions(copy: BodyCopy) -> str:
    return "".join(
        _QUESTION.substitute(
            opened=" open" if number == 0 else "",
            question=escape(question.question),
            answer=escape(question.answer),
        )
        for number, question in enumerate(copy.questions)
    )

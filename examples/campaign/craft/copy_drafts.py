"""Body copy by template: the facts of the brief, with phrases of a tone."""

from examples.campaign.craft.phrases import PHRASES, Phrases, angle_fields, fields
from examples.campaign.craft.wording import all_fitting, capital, cut, first_fitting, lower
from examples.campaign.models.brief import Tone
from examples.campaign.models.strategy import Angle, NormalBrief, Pillars
from examples.campaign.models.words import BodyCopy, Mail, Question, SearchAd, Section, SocialPost

__all__ = ["MAIL_IDS", "drafted_copy"]

MAIL_IDS = ("announcement", "proof", "last-call")
_POST, _AD_TITLE, _AD_TEXT, _SUBJECT, _PREHEADER, _PARAGRAPH = 280, 30, 90, 90, 140, 900


def drafted_copy(brief: NormalBrief, pillars: Pillars, tone: Tone) -> BodyCopy:
    """Return all texts below the headlines."""
    phrases = PHRASES[tone]
    said = fields(brief, pillars)
    lead = cut(phrases.lead.format(**said), _PARAGRAPH)
    closing = phrases.closing.format(**said)
    questions = tuple(_question(brief, pillars, place, phrases) for place in range(len(pillars.angles)))
    return BodyCopy(
        lead=lead,
        sections=tuple(
            Section(
                pillar=pillar.id,
                title=pillar.claim,
                text=f"{phrases.openers[place % len(phrases.openers)]} {pillar.detail}".strip(),
                proof=pillar.proof,
            )
            for place, pillar in enumerate(pillars.pillars)
        ),
        questions=questions,
        closing=closing,
        posts=tuple(_post(brief, pillars, angle, phrases) for angle in pillars.angles),
        ads=tuple(_ad(brief, pillars, angle) for angle in pillars.angles),
        mails=_mails(pillars, phrases, said, bodies=_bodies(pillars, lead, closing, questions)),
    )


def _question(brief: NormalBrief, pillars: Pillars, place: int, phrases: Phrases) -> Question:
    angle = pillars.angles[place]
    phrase = phrases.answers[place % len(phrases.answers)]
    answer = phrase.format(**angle_fields(brief, pillars, angle))
    return Question(segment=angle.segment, question=angle.worry, answer=answer)


def _post(brief: NormalBrief, pillars: Pillars, angle: Angle, phrases: Phrases) -> SocialPost:
    said = angle_fields(brief, pillars, angle)
    text = all_fitting((sentence.format(**said) for sentence in phrases.post), _POST)
    return SocialPost(segment=angle.segment, text=text)


def _ad(brief: NormalBrief, pillars: Pillars, angle: Angle) -> SearchAd:
    pillar = pillars.of(angle)
    titles = [
        brief.product,
        pillar.claim,
        brief.action,
        capital(brief.kind),
        f"{brief.brand} {brief.product}",
    ]
    said = f"{brief.product} {lower(pillar.claim)}."
    descriptions = [f"{said} {brief.action}.", said, brief.offer, pillar.proof, pillar.detail]
    return SearchAd(
        segment=angle.segment,
        titles=_all_short(titles, _AD_TITLE)[:4],
        descriptions=_all_short(descriptions, _AD_TEXT)[:3],
    )


def _all_short(candidates: list[str], limit: int) -> tuple[str, ...]:
    """Return the texts that fit. If none fits, return the first one, shortened."""
    return tuple(each for each in dict.fromkeys(candidates) if len(each) <= limit) or (
        cut(candidates[0], limit),
    )


def _bodies(
    pillars: Pillars, lead: str, closing: str, questions: tuple[Question, ...]
) -> tuple[tuple[str, ...], ...]:
    """Return the paragraphs of each mail: claim, proof, action."""
    first, *others = pillars.pillars
    return (
        (lead, f"{first.detail} {first.proof}"),
        tuple(f"{pillar.claim}. {pillar.proof}" for pillar in (first, *others)),
        (questions[0].question, f"{questions[0].answer} {first.proof}", closing),
    )


def _mails(
    pillars: Pillars, phrases: Phrases, said: dict[str, str], *, bodies: tuple[tuple[str, ...], ...]
) -> tuple[Mail, ...]:
    claim = pillars.pillars[0].claim
    return tuple(
        Mail(
            id=name,
            subject=first_fitting((subject.format(**said), claim), _SUBJECT),
            preheader=first_fitting((preheader.format(**said), claim), _PREHEADER),
            title=first_fitting((title.format(**said), claim), _SUBJECT),
            paragraphs=tuple(cut(paragraph, _PARAGRAPH) for paragraph in paragraphs),
        )
        for name, (subject, preheader, title), paragraphs in zip(MAIL_IDS, phrases.mails, bodies, strict=True)
    )

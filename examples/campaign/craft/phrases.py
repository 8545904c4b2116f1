"""The phrases of each tone around the facts of the brief. They contain no facts themselves.

A phrase has fields in braces; `fields()` gives their values. `{Name}` is the value of `{name}` with a capital letter.
"""

from typing import Final, NamedTuple

from examples.campaign.craft.wording import capital, joined, lower
from examples.campaign.models.brief import Tone
from examples.campaign.models.strategy import Angle, NormalBrief, Pillars

__all__ = ["PHRASES", "Phrases", "angle_fields", "fields"]


class Phrases(NamedTuple):
    """The phrases of one tone."""

    hero: tuple[str, ...]
    groups: tuple[str, ...]
    lead: str
    openers: tuple[str, ...]
    answers: tuple[str, ...]
    closing: str
    post: tuple[str, ...]
    """Sentences, the most important first. As many as fit are used."""
    mails: tuple[tuple[str, str, str], ...]
    """Subject, preheader and title of each mail."""


PHRASES: Final = {
    Tone.WARM: Phrases(
        hero=("{Wants}. We thought of the rest.", "Made for everyone who would rather {wants}"),
        groups=(
            "For {name} who would rather {wants}",
            "Some days you just want to {wants}",
            "Dear {name}, {product} {claim}",
        ),
        lead="{Product} is {kind} for people who would rather {wishes}. It {claims}. So the best part of the day can"
        " be the way there.",
        openers=(
            "This is the part that people tell their friends about.",
            "It is a small thing, until you need it every day.",
            "You will notice it on the very first morning.",
            "Easy to overlook, and hard to give back.",
        ),
        answers=(
            "A fair question. {Product} {claim}. {detail}",
            "We hear that a lot. {Product} {claim}. {detail}",
            "Good that you ask. {Product} {claim}. {detail}",
        ),
        closing="{offer} We look forward to meeting you.",
        post=("{worry} We asked ourselves the same.", "{Product} {claim}.", "{proof}", "{offer}"),
        mails=(
            ("Say hello to {product}", "It {claims}.", "Hello, {product}"),
            ("{worry}", "You asked. Here is what we found out.", "Good questions, honest answers"),
            ("Come and see for yourself", "{offer}", "Your turn, whenever you like"),
        ),
    ),
    Tone.BOLD: Phrases(
        hero=("{Wants}. Every single day.", "{Wants}. No detours."),
        groups=("{Wants}. Starting tomorrow.", "{Claim}. Your move.", "{Name}: {wants}."),
        lead="{Product} {claim}. {rest} {Kind} with one job: let you {wishes}.",
        openers=("Here is what changes.", "No tricks.", "Count on it.", "Less fuss, more go."),
        answers=("Asked and answered: {product} {claim}. {detail}", "Simple. {Product} {claim}. {detail}"),
        closing="{offer} The only risk is that you like it.",
        post=("{Name}, this one is for you.", "{Product} {claim}.", "{proof}", "{offer}"),
        mails=(
            ("{Claim}. Interested?", "{Product} is here. It {claims}.", "{Wants}."),
            ("Proof, not promises", "The numbers behind {product}.", "Do not take our word for it"),
            ("{Action}. Today.", "{offer}", "Your move"),
        ),
    ),
    Tone.PLAIN: Phrases(
        hero=("{Product}: {kind} that {claim}", "{Product}. It {claim}."),
        groups=("How {name} {wants}", "{Product} for {name}: it {claim}", "{Claim}: {product}"),
        lead="{Product} is {kind}. It {claims}. It is for people who want to {wishes}.",
        openers=("",),
        answers=("{Product} {claim}. {detail}",),
        closing="{offer}",
        post=("{Product} {claim}.", "{proof}", "{offer}"),
        mails=(
            ("{Product}: what it is and what it does", "It {claims}.", "This is {product}"),
            ("How we know that {product} {claim}", "What we measured, and what people ask.", "What we know"),
            ("{Action}: how it works", "{offer}", "How to try {product}"),
        ),
    ),
}


def fields(brief: NormalBrief, pillars: Pillars) -> dict[str, str]:
    """Return the values for phrases about the campaign. The angle is that of the first segment."""
    claims = [lower(pillar.claim) for pillar in pillars.pillars[:3]]
    wishes = [*dict.fromkeys(angle.wants for angle in pillars.angles[:3])]
    return angle_fields(brief, pillars, pillars.angles[0]) | {
        "claims": joined(claims),
        "rest": " ".join(
            f"It {claim}." for claim in claims if claim != lower(pillars.of(pillars.angles[0]).claim)
        ),
        "wishes": joined(wishes, "or"),
    }


def angle_fields(brief: NormalBrief, pillars: Pillars, angle: Angle) -> dict[str, str]:
    """Return the values for phrases about one segment."""
    pillar = pillars.of(angle)
    said = {
        "product": brief.product,
        "kind": brief.kind_with_article,
        "action": brief.action,
        "name": angle.name,
        "wants": angle.wants,
        "claim": lower(pillar.claim),
    }
    return (
        said
        | {capital(name): capital(text) for name, text in said.items()}
        | {"detail": pillar.detail, "proof": pillar.proof, "offer": brief.offer, "worry": angle.worry}
    )

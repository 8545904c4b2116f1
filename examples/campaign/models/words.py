"""The copy."""

from typing import Annotated

from pydantic import BaseModel, Field

__all__ = [
    "BodyCopy",
    "GroupHeadline",
    "HeadlineSet",
    "Mail",
    "Question",
    "SearchAd",
    "Section",
    "SocialPost",
]

TEMPLATES = "templates"
HeadlineText = Annotated[str, Field(min_length=1, max_length=90)]
Paragraph = Annotated[str, Field(min_length=1, max_length=900)]


class GroupHeadline(BaseModel):
    """The headline for one segment."""

    segment: str
    text: HeadlineText


class HeadlineSet(BaseModel):
    """The headline of the campaign, and one for each segment."""

    written_by: str = TEMPLATES
    hero: HeadlineText
    groups: tuple[GroupHeadline, ...]


class Section(BaseModel):
    """One part of the landing page."""

    pillar: str
    title: Annotated[str, Field(max_length=80)]
    text: Paragraph
    proof: Paragraph


class Question(BaseModel):
    """A worry of a segment, and the answer."""

    segment: str
    question: Annotated[str, Field(max_length=400)]
    answer: Paragraph


class SocialPost(BaseModel):
    """A post for the image of a segment; short enough for every network."""

    segment: str
    text: Annotated[str, Field(max_length=280)]


class SearchAd(BaseModel):
    """A search advertisement: titles of 30 characters, descriptions of 90."""

    segment: str
    titles: tuple[Annotated[str, Field(max_length=30)], ...]
    descriptions: tuple[Annotated[str, Field(max_length=90)], ...]


class Mail(BaseModel):
    """One of the e-mails."""

    id: str
    subject: Annotated[str, Field(max_length=90)]
    preheader: Annotated[str, Field(max_length=140)]
    title: Annotated[str, Field(max_length=90)]
    paragraphs: tuple[Paragraph, ...]


class BodyCopy(BaseModel):
    """All texts below the headlines."""

    written_by: str = TEMPLATES
    lead: Paragraph
    sections: tuple[Section, ...]
    questions: tuple[Question, ...]
    closing: Paragraph
    posts: tuple[SocialPost, ...]
    ads: tuple[SearchAd, ...]
    mails: tuple[Mail, ...]

"""Reads a brief from a file. Errors are messages for the author of the brief."""

import importlib.util
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from examples.campaign.models.brief import Brief

__all__ = ["SAMPLE", "BriefError", "read_brief"]

SAMPLE: Final = Path(__file__).with_name("brief.json")


class BriefError(ValueError):
    """An invalid brief. The message has one line for each problem."""


def read_brief(path: Path, *, writer: str | None = None) -> Brief:
    """Read and check a brief.

    Args:
        path: A JSON file.
        writer: The chat model for the copy; None to use the one that the brief names, if any.

    Raises:
        BriefError: The brief is invalid.
        OSError: The file cannot be read.
    """
    try:
        brief = Brief.model_validate_json(path.read_bytes())
        if writer is not None:
            brief = Brief.model_validate({**brief.model_dump(), "writer": writer})
    except ValidationError as error:
        raise BriefError("\n".join(map(_line, error.errors(include_url=False)))) from error
    if brief.writer is not None and importlib.util.find_spec("langchain") is None:
        raise BriefError(
            f"writer: '{brief.writer}' needs LangChain: pip install langchain, and the package of the provider"
        )
    return brief


def _line(error: ErrorDetails) -> str:
    where = ".".join(map(str, error["loc"])) or "brief"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"

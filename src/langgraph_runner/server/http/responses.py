"""`json_response()`: a model as JSON with an `ETag`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fastapi import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

__all__ = ["json_response"]


def json_response(
    value: BaseModel,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    if_none_match: str | None = None,
    has_etag: bool = True,
) -> Response:
    """Return a model as JSON. pydantic writes it, so FastAPI does not validate and encode it a second time.

    Args:
        value: The model.
        status: The HTTP status.
        headers: Further headers.
        if_none_match: The header `If-None-Match`; if it has the `ETag` of `value`, the response is 304.
        has_etag: False for a response that clients do not ask for again unchanged, such as a page of a list.
    """
    data = value.model_dump_json().encode()
    if not has_etag:
        return Response(data, status, headers, "application/json")
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **(headers or {})}
    if if_none_match is not None and etag in {each.strip() for each in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(data, status, headers, "application/json")

"""The query of a URL as a model, and the fields of the model as parameters of the OpenAPI document.

FastAPI can do both, but it inspects the annotation of each field in each request, which takes as long as reading a
page of runs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from fastapi import Request

__all__ = ["parameters_of", "query_of"]

ModelT = TypeVar("ModelT", bound=BaseModel)


def query_of(request: Request, model: type[ModelT]) -> ModelT:
    """Return the query of a request as a model.

    Raises:
        RequestValidationError: The query does not match the model.
    """
    given: dict[str, Any] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        # Two values of a field that takes one are refused: without one of them, the answer would be another.
        given[name] = values if len(values) > 1 or name in _list_fields(model) else values[0]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults) from error


def parameters_of(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the fields of a model as query parameters (OpenAPI 3.1)."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    parameters = []
    for name, field in schema["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if "description" in field:
            parameter["description"] = field["description"]
        parameters.append({**parameter, "schema": field})
    return parameters


@cache
def _list_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields that may be given several times."""
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if _is_list(field.annotation))


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))

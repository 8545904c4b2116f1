"""`complete()`: the OpenAPI document of FastAPI, with our problems, roles and docstrings of fields and values."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from langgraph_runner.errors import NodeErrorRecord
from langgraph_runner.errors.models import NodeErrorCause
from langgraph_runner.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

__all__ = ["complete"]

_SECURITY_SCHEMES: Final = {
    "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a JSON Web Token."}
}
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")
"""Models of FastAPI's own errors, which the service does not send."""


def complete(app: FastAPI) -> None:
    """Make an application complete its document when it is first requested."""
    generate = app.openapi

    def generate_completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            document["components"]["securitySchemes"] = _SECURITY_SCHEMES
            schemas = document["components"]["schemas"]
            for name in _OF_FASTAPI:
                schemas.pop(name, None)
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            for model in (*_subclasses(BaseModel), *_subclasses(StrEnum), NodeErrorRecord, NodeErrorCause):
                if model.__name__ in schemas:
                    _add_docstrings(schemas[model.__name__], model)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = generate_completed  # type: ignore[method-assign] # FastAPI's documented way


def _subclasses(base: type[Any]) -> Iterator[type[Any]]:
    """Yield the subclasses of this package, also indirect ones."""
    for cls in base.__subclasses__():
        if cls.__module__.startswith("langgraph_runner."):
            yield cls
        yield from _subclasses(cls)


def _add_docstrings(schema: dict[str, Any], model: type[Any]) -> None:
    """Describe fields and values by the docstrings that stand below them in the code, also of inherited fields."""
    properties = schema.get("properties", {})
    for cls in model.__mro__[:-1]:
        if not cls.__module__.startswith("langgraph_runner."):
            continue
        for name, text in _docstrings(cls):
            # The code says None, and JSON says null.
            description = re.sub(r"\bNone\b", "null", " ".join(text.split()))
            if issubclass(cls, StrEnum):
                schema.setdefault("x-enum-descriptions", {})[cls[name].value] = description
            elif name in properties and "$ref" not in properties[name]:
                properties[name].setdefault("description", description)


def _docstrings(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the names of a class that have a docstring below them, with that docstring."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    for statement, below in pairwise(node.body if isinstance(node, ast.ClassDef) else ()):
        match statement, below:
            case (
                (ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)])),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, text

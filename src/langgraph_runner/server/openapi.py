"""The OpenAPI document of the service: what FastAPI writes, with our problems, roles and the docstrings of fields."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from langgraph_runner.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

__all__ = ["complete"]

_SECURITY_SCHEMES: Final = {
    "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a JSON Web Token."}
}
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")
"""The models of its own errors, which the service does not send."""


def complete(app: FastAPI) -> None:
    """Have an application complete its document when it is first asked for."""
    write = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = write()
            document["components"]["securitySchemes"] = _SECURITY_SCHEMES
            schemas = document["components"]["schemas"]
            for name in _OF_FASTAPI:
                schemas.pop(name, None)
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            for model in _models(BaseModel):
                _describe_fields(model, schemas.get(model.__name__, {}).get("properties", {}))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign] # FastAPI's documented way


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models of this package."""
    for model in base.__subclasses__():
        if model.__module__.startswith("langgraph_runner."):
            yield model
        yield from _models(model)


def _describe_fields(model: type[BaseModel], properties: dict[str, dict[str, Any]]) -> None:
    """Give the fields of a schema the docstrings that stand below them in the code, also of inherited ones."""
    for cls in model.__mro__[:-1]:
        if properties and cls.__module__.startswith("langgraph_runner."):
            for name, text in _docstrings(cls):
                if name in properties and "$ref" not in properties[name]:
                    properties[name].setdefault("description", text)


def _docstrings(cls: type) -> Iterator[tuple[str, str]]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    for field, below in pairwise(node.body if isinstance(node, ast.ClassDef) else ()):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)

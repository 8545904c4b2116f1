"""Write `docs/openapi.json`, what the service says of itself, and `docs/api.md`, the same for people.

`--check` fails if one of them is not up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph_runner.engine import RunEngine
from langgraph_runner.server import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
METHODS = ("get", "post")
HEAD = """# HTTP API

Written by `make openapi` from [the OpenAPI document](openapi.json); do not edit. How to start, and what holds for all
routes, is on the page of [the service](service.md).
"""


def main() -> int:
    """Write the files, or check them."""
    engine = RunEngine(store="sqlite://")
    document = create_app(engine).openapi()
    engine.store.close()
    files = {
        "openapi.json": json.dumps(document, indent=1, sort_keys=True) + "\n",
        "api.md": "\n".join(page(document)) + "\n",
    }
    for name, text in files.items():
        target = DOCS / name
        if "--check" not in sys.argv[1:]:
            target.write_text(text)
        elif not target.exists() or target.read_text() != text:
            print(f"{name} is not up to date: run make openapi", file=sys.stderr)
            return 1
    return 0


def page(document: dict[str, Any]) -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                groups.setdefault(item[method]["tags"][0], []).append((method, path, item[method]))
    for group, operations in groups.items():
        yield f"## {group.capitalize()}\n"
        for method, path, operation in operations:
            yield from of_operation(method, path, operation)
    yield "## Models\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from of_model(name, schema)


def of_operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """One route."""
    yield f"### `{method.upper()} {path}`\n"
    role = operation.get("x-role")
    yield f"{operation['description']} " + (f"Role: `{role}`.\n" if role else "No key is needed.\n")
    parameters = operation.get("parameters", [])
    if parameters:
        yield "| parameter | in | type | |\n|---|---|---|---|"
        for each in parameters:
            needed = "required. " if each["required"] and each["in"] != "path" else ""
            said = f"{needed}{each.get('description', '')}{default_of(each['schema'])}"
            kind = kind_of(each["schema"]).removesuffix(" or null")  # Then it is left out.
            yield f"| `{each['name']}` | {each['in']} | {kind} | {cell(said)} |"
        yield ""
    body = operation.get("requestBody")
    if body is not None:
        (content,) = body["content"].values()
        yield f"Body: {kind_of(content['schema'])}{'' if body.get('required') else ', may be left out'}.\n"
    yield "| status | answer |\n|---|---|"
    for status, answer in sorted(operation["responses"].items()):
        schemas = [each["schema"] for each in answer.get("content", {}).values() if each.get("schema")]
        media = ", ".join(f"`{each}`" for each in answer.get("content", {}))
        said = answer["description"].replace("Successful Response", "")
        kind = kind_of(schemas[0]) if schemas else media
        yield f"| {status} | {cell(': '.join(filter(None, (kind, said))) or 'nothing')} |"
    yield ""


def of_model(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """One model, or the values of an enumeration."""
    yield f"### {name}\n"
    if text := schema.get("description"):
        yield f"{text}\n"
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    if properties := schema.get("properties"):
        yield "| field | type | |\n|---|---|---|"
        for field, each in properties.items():
            needed = "required. " if field in schema.get("required", ()) and name.endswith("Request") else ""
            said = f"{needed}{each.get('description', '')}{default_of(each)}"
            yield f"| `{field}` | {kind_of(each)} | {cell(said)} |"
        yield ""


def kind_of(schema: dict[str, Any]) -> str:
    """A type in words, models as links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(kind_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind_of(schema['additionalProperties'])}"
    kind = {"null": "null", "string": schema.get("format", "string")}.get(
        schema.get("type", ""), schema.get("type", "any")
    )
    return f"{kind}{bounds_of(schema)}"


def bounds_of(schema: dict[str, Any]) -> str:
    """The least and the greatest value, or length."""
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    word = " characters" if schema.get("type") == "string" else ""
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}"
    if low is not None and high is not None:
        return f", {low:,.0f} to {high:,.0f}{word}"
    if high is not None:
        return f", up to {high:,.0f}{word}"
    return "" if low is None else f", at least {low:,.0f}{word}"


def default_of(schema: dict[str, Any]) -> str:
    """The default, where it says something."""
    default = schema.get("default")
    return "" if default in (None, [], {}) else f" Default: `{json.dumps(default)}`."


def cell(text: str) -> str:
    """Text in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())

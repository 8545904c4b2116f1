"""Write the OpenAPI document of the service as `docs/openapi.json`, and as a page for people, `docs/api.md`.

With `--check`, write nothing, and fail if one of them is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph_runner.engine import RunEngine
from langgraph_runner.server import create_app
from langgraph_runner.server.problems import CALLER_REFUSALS, MEANING_OF_CODE, STATUS_OF_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parent.parent / "docs"
METHODS = ("get", "post")
LIMITS = {
    "string": (" characters", "minLength", "maxLength"),
    "array": (" items", "minItems", "maxItems"),
    "object": (" entries", "minProperties", "maxProperties"),
}
"""The unit of the limits of a type, and their names in a schema."""
HEAD = """# HTTP API

`make openapi` writes this page from [the OpenAPI document](openapi.json); do not edit it. How to start the service,
and how keys, pages, events and idempotency work, is on the page of [the service](service.md).

## Refusals

A refused request gets a [Problem](#problem) with one of these codes. Every route with a role can refuse with
{common}; the tables of the routes list only the other codes.
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
            print(f"docs/{name} is out of date: run `make openapi`.", file=sys.stderr)
            return 1
    return 0


def page(document: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the page."""
    *others, last = (f"`{code}`" for code in CALLER_REFUSALS)
    yield HEAD.format(common=f"{', '.join(others)} and {last}")
    yield "| status | code | meaning |\n|---|---|---|"
    for code, status in sorted(STATUS_OF_CODE.items(), key=lambda item: item[1]):
        yield f"| {status.value} | `{code}` | {cell(MEANING_OF_CODE[code])} |"
    yield ""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                groups.setdefault(item[method]["tags"][0], []).append((method, path, item[method]))
    for group, operations in groups.items():
        yield f"## {group.capitalize()}\n"
        for method, path, operation in operations:
            yield from operation_lines(method, path, operation)
    yield "## Models\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from model_lines(name, schema)


def operation_lines(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one route."""
    yield f"### `{method.upper()} {path}`\n"
    role = operation.get("x-role")
    yield f"{operation['description']} " + (f"Role: `{role}`.\n" if role else "No key is needed.\n")
    parameters = operation.get("parameters", [])
    if parameters:
        yield "| parameter | in | type | meaning |\n|---|---|---|---|"
        for each in parameters:
            required = "Required. " if each["required"] and each["in"] != "path" else ""
            meaning = f"{required}{each.get('description', '')}{default_of(each['schema'])}"
            kind = kind_of(each["schema"]).removesuffix(" or null")  # A parameter without value is left out.
            yield f"| `{each['name']}` | {each['in']} | {kind} | {cell(meaning)} |"
        yield ""
    body = operation.get("requestBody")
    if body is not None:
        (content,) = body["content"].values()
        kind = kind_of(content["schema"]).removesuffix(" or null")
        yield f"Body: {kind}{'' if body.get('required') else ', optional'}.\n"
    yield "| status | response |\n|---|---|"
    for status, response in sorted(operation["responses"].items()):
        if text := response_text(response, has_role=role is not None):
            yield f"| {status} | {cell(text)} |"
    yield ""


def response_text(response: dict[str, Any], *, has_role: bool) -> str:
    """Describe a response: the codes of a refusal, or the type and the description; empty to leave it out."""
    description = response["description"]
    codes = re.findall(r"^`([A-Z_]+)`: ", description, re.MULTILINE)
    if codes:
        return ", ".join(f"`{code}`" for code in codes if not (has_role and code in CALLER_REFUSALS))
    content = response.get("content", {})
    schemas = [each["schema"] for each in content.values() if each.get("schema")]
    kind = kind_of(schemas[0]) if schemas else ", ".join(f"`{each}`" for each in content)
    said = description.replace("Successful Response", "")
    return ": ".join(filter(None, (kind, said))) or "no content"


def model_lines(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one model, or of the values of an enumeration."""
    yield f"### {name}\n"
    if text := schema.get("description"):
        yield f"{text}\n"
    if "enum" in schema:
        meanings = schema.get("x-enum-descriptions", {})
        yield "| value | meaning |\n|---|---|"
        for value in schema["enum"]:
            yield f"| `{value}` | {cell(meanings.get(value, ''))} |"
        yield ""
    if properties := schema.get("properties"):
        yield "| field | type | meaning |\n|---|---|---|"
        for field, each in properties.items():
            is_required = field in schema.get("required", ()) and name.endswith("Request")
            meaning = f"{'Required. ' if is_required else ''}{each.get('description', '')}{default_of(each)}"
            yield f"| `{field}` | {kind_of(each)} | {cell(meaning)} |"
        yield ""


def kind_of(schema: dict[str, Any]) -> str:
    """Return a type in words, with models as links."""
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
        return f"list of {kind_of(schema.get('items', {}))}{bounds_of(schema)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind_of(schema['additionalProperties'])}{bounds_of(schema)}"
    kind = {"null": "null", "string": schema.get("format", "string")}.get(
        schema.get("type", ""), schema.get("type", "any")
    )
    return f"{kind}{bounds_of(schema)}"


def bounds_of(schema: dict[str, Any]) -> str:
    """Return the limits of the value or of its length, in words."""
    unit, low_name, high_name = LIMITS.get(schema.get("type", ""), ("", "minimum", "maximum"))
    low, high = schema.get(low_name), schema.get(high_name)
    if "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']:g}"
    if low is not None and high is not None:
        return f", {int(low):,} to {int(high):,}{unit}"
    if high is not None:
        return f", up to {int(high):,}{unit}"
    return "" if low is None else f", at least {int(low):,}{unit}"


def default_of(schema: dict[str, Any]) -> str:
    """Return the default in words; an empty text if the default is missing or empty."""
    default = schema.get("default")
    return "" if default in (None, [], {}) else f" Default: `{json.dumps(default)}`."


def cell(text: str) -> str:
    """Return text for one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())

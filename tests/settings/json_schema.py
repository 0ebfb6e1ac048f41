"""A validator for what our schema uses of JSON Schema (draft 2020-12); any other keyword is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
SCHEMAS = ("additionalProperties", "items", "propertyNames")
LISTS = ("anyOf", "oneOf")
FIRST = "prefixItems"
MAPS = ("properties", "$defs")
VALUES = ("type", "enum", "const", "required", "pattern", "$ref")
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "minLength", "minItems")
SAID = ("$schema", "title", "description", "default", "format")


def parts(schema: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within the schema, and where it is. Fails on a keyword it does not know."""
    if isinstance(schema, bool):
        return
    assert isinstance(schema, dict), path
    yield path, schema
    for key, value in schema.items():
        assert key in (*SCHEMAS, *LISTS, FIRST, *MAPS, *VALUES, *NUMBERS, *SAID), f"{path}: {key}"
        if key in SCHEMAS:
            yield from parts(value, f"{path}/{key}")
        elif key in (*LISTS, FIRST):
            assert isinstance(value, list) and value, path
            for number, each in enumerate(value):
                yield from parts(each, f"{path}/{key}/{number}")
        elif key in MAPS:
            for name, each in value.items():
                yield from parts(each, f"{path}/{key}/{name}")


def well_formed(whole: dict[str, Any]) -> None:
    """Fails unless every keyword has a value of its kind and every definition is in use."""
    used = set()
    for path, schema in parts(whole):
        for key, value in schema.items():
            if key == "type":
                assert value in TYPES, path
            elif key == "enum":
                assert isinstance(value, list) and value and len(set(value)) == len(value), path
            elif key == "required":
                assert set(value) <= set(schema["properties"]), path
            elif key == "pattern":
                re.compile(value)
            elif key in NUMBERS:
                assert isinstance(value, int | float) and not isinstance(value, bool), path
            elif key in ("title", "description", "format", "$schema"):
                assert isinstance(value, str) and value, path
            elif key == "$ref":
                used.add(value)
    assert used == {f"#/$defs/{name}" for name in whole.get("$defs", {})}


def faults(value: Any, schema: Any, whole: dict[str, Any], path: str = "") -> list[str]:
    """What of `value` the schema does not allow, each with its place."""
    if isinstance(schema, bool):
        return [] if schema else [f"{path}: not allowed"]
    found: list[str] = []
    if "$ref" in schema:
        found += faults(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, path)
    if "const" in schema and value != schema["const"]:
        found.append(f"{path}: not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: not one of {schema['enum']}")
    if "type" in schema and not _is(value, schema["type"]):
        return [*found, f"{path}: no {schema['type']}"]
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            found.append(f"{path}: too short")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{path}: not {schema['pattern']}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{path}: out of bounds")
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            found.append(f"{path}: too small")
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{path}: too few")
        first = schema.get(FIRST, [])
        for number, each in enumerate(value):
            kind = first[number] if number < len(first) else schema.get("items", True)
            found += faults(each, kind, whole, f"{path}.{number}")
    elif isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{path}: lacks {name}" for name in schema.get("required", ()) if name not in value]
        for name, each in value.items():
            found += faults(name, schema.get("propertyNames", True), whole, f"{path}.{name}")
            found += faults(
                each, known.get(name, schema.get("additionalProperties", True)), whole, f"{path}.{name}"
            )
    for key in LISTS:
        if key in schema:
            tries = [faults(value, each, whole, path) for each in schema[key]]
            fit = sum(not each for each in tries)
            if fit != 1 and (key == "oneOf" or not fit):
                found.append(f"{path}: {key}: {min(tries, key=len)}")
    return found


def _is(value: object, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))

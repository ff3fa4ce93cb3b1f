"""The JSON schemas that check-jsonschema brings along, without its command line."""

import json
from importlib.resources import files
from typing import Any

from jsonschema.validators import validator_for


def objections(schema_name: str, document: Any) -> list[str]:
    """What a schema such as "compose-spec" has against a document; empty if nothing."""
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / f"{schema_name}.json").read_text())
    validator = validator_for(schema)(schema)
    # Through JSON: dates and the like are text there.
    plain = json.loads(json.dumps(document, default=str))
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(plain)]

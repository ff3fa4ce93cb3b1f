"""What a setting accepts, read from the annotations of the type that holds it.

One place makes the bounds, the words of the error and the reading of text, for every type of
settings; so a bound stands in one annotation only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from fuseline.core.errors import ConfigError

_NODES = (
    msgspec.inspect.BoolType
    | msgspec.inspect.EnumType
    | msgspec.inspect.IntType
    | msgspec.inspect.FloatType
    | msgspec.inspect.StrType
)


class Rule(Struct, frozen=True):
    """What one field accepts; made from its annotation."""

    name: str
    kind: type
    nullable: bool
    default: Any
    description: str
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    pattern: str | None = None  # of a text
    max_length: int | None = None
    words: str = ""  # what a text must look like

    @property
    def allowed(self) -> str:
        """The accepted values, in words."""
        if self.kind is bool:
            words = "true or false"
        elif issubclass(self.kind, StrEnum):
            words = "one of " + ", ".join(member.value for member in self.kind)
        elif self.kind is str:
            words = self.words or f"text of at most {self.max_length} characters"
        else:
            noun = "a whole number" if self.kind is int else "a number"
            low = f"above {self.above:g}" if self.above is not None else f"from {self.minimum:g}"
            words = f"{noun} {low}" + (
                f" to {self.maximum:.10g}" if self.maximum is not None else ""
            )
        if not self.nullable:
            return words
        return f"{words}, or null" if self.kind is str else f"{words}, or null to turn it off"

    def check(self, value: Any, field: str) -> Any:
        """Returns the value in its own type.

        Raises:
            ConfigError: wrong type or out of range, under the name ``field``.
        """
        if value is None and self.nullable:
            return None
        if self.kind is bool:
            if isinstance(value, bool):
                return value
        elif issubclass(self.kind, StrEnum):
            if isinstance(value, str) and value in {member.value for member in self.kind}:
                return self.kind(value)
        elif self.kind is str:
            if self._is_text(value):
                return value
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            number = self._number(value)
            if number is not None:
                return number
        raise ConfigError(field, value, self.allowed)

    def _is_text(self, value: Any) -> bool:
        if isinstance(value, str) and value.endswith("\n"):
            return False  # the end of a pattern matches before it too
        shape = Annotated[str, Meta(pattern=self.pattern, max_length=self.max_length)]
        try:
            msgspec.convert(value, shape)
        except msgspec.ValidationError:
            return False
        return True

    def _number(self, value: float) -> float | None:
        # Only a float can be infinite or nan; an int may be too large to ask.
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if self.kind is int and value != int(value):
            return None
        if (
            (self.minimum is not None and value < self.minimum)
            or (self.above is not None and value <= self.above)
            or (self.maximum is not None and value > self.maximum)
        ):
            return None
        if self.kind is int:
            return value if isinstance(value, int) else int(value)
        return value if isinstance(value, float) else float(value)

    def parse(self, text: str, field: str) -> Any:
        """Reads the text form used by the environment and the command line.

        Raises:
            ConfigError: the text is not of the field's type, under the name ``field``.
        """
        word = text.strip()
        if self.nullable and word.lower() in {"null", "none", "off"}:
            return None
        if self.kind is bool:
            if word.lower() in {"true", "1", "yes", "on"}:
                return True
            if word.lower() in {"false", "0", "no", "off"}:
                return False
            raise ConfigError(field, text, self.allowed)
        if issubclass(self.kind, StrEnum):
            return word.lower()
        if self.kind is str:
            return word
        try:
            return int(word) if self.kind is int else float(word)
        except ValueError:
            raise ConfigError(field, text, self.allowed) from None


def rules_of(settings: type[Struct]) -> dict[str, Rule]:
    """The rules of a type's scalar fields, in order.

    Fields of other types (mappings, nested settings) have none; their type checks them itself.
    """
    info = msgspec.inspect.type_info(settings)
    assert isinstance(info, msgspec.inspect.StructType)
    rules = {}
    for field in info.fields:
        rule = _rule(field)
        if rule is not None:
            rules[field.name] = rule
    return rules


def _rule(field: msgspec.inspect.Field) -> Rule | None:
    outer = field.type
    description = words = ""
    if isinstance(outer, msgspec.inspect.Metadata):
        description = (outer.extra_json_schema or {}).get("description", "")
        words = (outer.extra or {}).get("allowed", "")
        outer = outer.type
    options = outer.types if isinstance(outer, msgspec.inspect.UnionType) else (outer,)
    inner = next(o for o in options if not isinstance(o, msgspec.inspect.NoneType))
    if isinstance(inner, msgspec.inspect.Metadata):
        description = description or (inner.extra_json_schema or {}).get("description", "")
        words = words or (inner.extra or {}).get("allowed", "")
        inner = inner.type
    if not isinstance(inner, _NODES):
        return None
    return Rule(
        name=field.name,
        kind=_kind(inner),
        nullable=len(options) > 1,
        default=field.default,
        description=description,
        minimum=getattr(inner, "ge", None),
        above=getattr(inner, "gt", None),
        maximum=getattr(inner, "le", None),
        pattern=getattr(inner, "pattern", None),
        max_length=getattr(inner, "max_length", None),
        words=words,
    )


def _kind(node: msgspec.inspect.Type) -> type:
    if isinstance(node, msgspec.inspect.BoolType):
        return bool
    if isinstance(node, msgspec.inspect.EnumType):
        return node.cls
    if isinstance(node, msgspec.inspect.StrType):
        return str
    return int if isinstance(node, msgspec.inspect.IntType) else float


def apply_rules(settings: Struct, rules: Mapping[str, Rule], prefix: str = "") -> None:
    """Checks every field that has a rule and puts it into its own type; for `__post_init__`.

    Raises:
        ConfigError: a value is not allowed; its field's name comes after `prefix`.
    """
    for name, rule in rules.items():
        value = getattr(settings, name)
        checked = rule.check(value, prefix + name)
        if checked is not value:
            msgspec.structs.force_setattr(settings, name, checked)

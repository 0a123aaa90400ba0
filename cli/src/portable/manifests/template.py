"""A CloudFormation template as it is written: its intrinsic functions stay, in their long form."""

from pathlib import Path
from typing import Any, ClassVar

import yaml

from portable.errors import PortableError
from portable.manifests.reader import Strict, read_yaml


def _tag(loader: Strict, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


class Intrinsics(Strict):
    """Reads `!Sub text` as `{"Fn::Sub": text}`."""

    yaml_multi_constructors: ClassVar[dict[str | None, Any]] = {"!": _tag}


def read_template(root: Path, path: str) -> dict[str, Any]:
    """Return the template at `path` below `root`; raise `PortableError` where it is none."""
    template = read_yaml(root, path, Intrinsics)
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise PortableError(f"{path} has no Resources, expected a CloudFormation template.")
    return template

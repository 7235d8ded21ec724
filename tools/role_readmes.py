# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the README of every role from its argument specs.

python -m tools.role_readmes           writes them
python -m tools.role_readmes --check   fails when one is not what its specs say
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parent.parent / "roles"
_LONG_DEFAULT = 60


def readme(role: Path) -> str:
    """Return the README of a role."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    main = specs["main"]
    parts = [f"# maas_billing.platform.{role.name}", f"{main['short_description']}.", *_paragraphs(main)]
    parts += ["## Entry points", _entry_points(specs), "## Variables", _variables(specs)]
    if role.name != "maas":
        parts.append("Settings shared by all roles are described in [maas](../maas/README.md).")
    return "\n\n".join(parts) + "\n"


def _paragraphs(spec: dict[str, Any]) -> list[str]:
    text = spec.get("description", [])
    return [_markdown(item) for item in ([text] if isinstance(text, str) else text)]


def _entry_points(specs: dict[str, Any]) -> str:
    lines = ["| Entry point | What it does |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {spec['short_description']} |" for name, spec in specs.items()])


def _variables(specs: dict[str, Any]) -> str:
    lines = ["| Variable | Type | Default | What it is |", "|---|---|---|---|"]
    seen = set()
    for spec in specs.values():
        for name, option in _options(spec.get("options") or {}, ""):
            if name not in seen:
                seen.add(name)
                lines.append(f"| `{name}` | {_type(option)} | {_default(option)} | {_description(option)} |")
    return "\n".join(lines)


def _options(options: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, option in options.items():
        yield prefix + name, option
        below = f"{prefix}{name}[]." if option.get("type") == "list" else f"{prefix}{name}."
        yield from _options(option.get("options") or {}, below)


def _type(option: dict[str, Any]) -> str:
    kind = str(option["type"])
    return f"list of {option['elements']}" if kind == "list" else kind


def _default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    value = option["default"]
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if 0 < len(text) <= _LONG_DEFAULT else "empty" if not text else "see `defaults/`"


def _description(option: dict[str, Any]) -> str:
    text = " ".join(_paragraphs(option))
    if "choices" in option:
        text += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
    return text.replace("|", "\\|")


def _markdown(text: str) -> str:
    """Turn Ansible's semantic markup into Markdown."""
    return re.sub(r"\b[COVM]\(([^)]*)\)", r"`\1`", " ".join(text.split()))


def main() -> int:
    stale = []
    for role in sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml")):
        wanted, file = readme(role), role / "README.md"
        if not file.exists() or file.read_text() != wanted:
            stale.append(role.name)
            if "--check" not in sys.argv:
                file.write_text(wanted)
    if "--check" in sys.argv and stale:
        print(f"The README of {', '.join(stale)} is not what the argument specs say: run python -m tools.role_readmes.")
        return 1
    print(f"{len(stale)} written" if "--check" not in sys.argv else "all as the specs say")
    return 0


if __name__ == "__main__":
    sys.exit(main())

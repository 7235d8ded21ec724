# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of Sphinx; tools/docs.py calls it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

_galaxy = yaml.safe_load((Path(__file__).resolve().parents[2] / "galaxy.yml").read_text(encoding="utf-8"))

project = f"{_galaxy['namespace']}.{_galaxy['name']}"
copyright = "maas_billing.platform contributors, GPL-3.0-or-later"  # noqa: A001
release = version = _galaxy["version"]
html_title = f"{project} {release}"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
highlight_language = "yaml"
html_theme = "furo"
html_copy_source = html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]

# Pages of Ansible itself, by the labels that generated pages use for them. A list of all labels would be fetched.
_ANSIBLE = "https://docs.ansible.com/ansible/12/"
_APPENDICES = {"common_return_values": "common_return_values", "ansible_configuration_settings": "config"}
_PLUGIN = re.compile(r"ansible_collections\.(\w+)\.(\w+)\.(\w+_(?:module|filter|role))")


def ansible_page(label: str) -> str:
    """Return the address of the page of Ansible's documentation that a label stands for; empty for any other label."""
    plugin = _PLUGIN.fullmatch(label)
    if plugin and plugin.group(1) != _galaxy["namespace"]:
        return f"{_ANSIBLE}collections/{'/'.join(plugin.groups())}.html"
    appendix = _APPENDICES.get(label)
    return f"{_ANSIBLE}reference_appendices/{appendix}.html" if appendix else ""


def _link(_app: Any, _env: Any, node: Any, shown: nodes.Element) -> nodes.reference | None:
    page = ansible_page(node.get("reftarget", ""))
    return nodes.reference("", "", shown, refuri=page) if page else None


def setup(app: Any) -> None:
    """Let what leads to Ansible's own documentation lead there."""
    app.connect("missing-reference", _link)

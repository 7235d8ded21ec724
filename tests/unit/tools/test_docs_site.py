# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The site of the documentation: its pages, links and reference."""

from __future__ import annotations

import pytest
import yaml

from tools import docs
from tools.docsite.conf import ansible_page


def test_a_link_leads_to_the_page_of_the_site() -> None:
    text = "[a](concepts.md#words), [b](../roles/maas/README.md), [c](../README.md#licence), [d](https://a.b), [e](#c)"
    assert docs.for_site(text, "docs/quickstart.md") == (
        "[a](/concepts.md#words), [b](/reference/maas_role.rst), [c](/index.md), [d](https://a.b), [e](#c)"
    )


def test_a_file_that_is_no_page_is_only_named() -> None:
    assert docs.for_site("see [inventories/fleet](../inventories/fleet).", "docs/x.md") == "see inventories/fleet."


def test_a_link_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(docs.DocsError, match=r"^docs/x.md links to docs/nothing.md, which is not there.$"):
        docs.for_site("[a](nothing.md)", "docs/x.md")


def test_a_default_that_is_the_value_of_another_variable_is_told_in_words() -> None:
    option = {"description": "Take over.", "type": "bool", "default": "{{ maas_adopt }}"}
    entries = {"main": {"short_description": "Do it", "options": {"adopt": option}}}
    entries["remove"] = {"short_description": "Undo it", "options": {"adopt": option}}
    found = docs.documented({"argument_specs": entries})["argument_specs"]
    said = ["Take over.", "The value of C(maas_adopt) if not given."]
    assert found["main"]["options"] == {"adopt": {"description": said, "type": "bool"}}
    assert found["main"]["description"] == ["Do it."]
    assert (found["remove"]["options"], found["remove"]["description"]) == (
        {}, ["Undo it.", "Takes the variables of C(main)."],
    )  # fmt: skip


def test_every_option_of_a_role_stays() -> None:
    for file in (docs.CHECKOUT / "roles").glob("*/meta/argument_specs.yml"):
        specs = yaml.safe_load(file.read_text(encoding="utf-8"))
        main = docs.documented(specs)["argument_specs"]["main"]
        assert list(main["options"]) == list(specs["argument_specs"]["main"]["options"])


def test_the_main_entry_point_comes_first_and_nothing_is_lost() -> None:
    page = (
        "Title\n\n.. Collection note\n\n.. note::\n    Install it.\n\n.. contents::\n   :local:\n   :depth: 2\n\n"
        ".. _a.b.x_role__entrypoint-charts:\n\nCharts\n\n.. _a.b.x_role__entrypoint-main:\n\nMain\n\n"
        ".. Extra links\n\nEnd\n"
    )
    assert docs.tidied(page) == (
        "Title\n\n\n.. _a.b.x_role__entrypoint-main:\n\nMain\n\n.. _a.b.x_role__entrypoint-charts:\n\nCharts\n\n"
        ".. Extra links\n\nEnd\n"
    )
    assert docs.tidied("A module\n\nText\n") == "A module\n\nText\n"


def test_all_pages_are_at_the_side_in_groups() -> None:
    titles = [docs.Title("maas", "role", "Settings"), docs.Title("api_keys", "module", "Keys")]
    said = docs.contents(["quickstart"], titles)
    assert said.count("```{toctree}") == 6
    assert ":caption: Roles\n\nmaas </reference/maas_role>\n```" in said
    assert "| [api_keys](/reference/api_keys_module.rst) | Keys |" in docs.overview(titles)


@pytest.mark.parametrize(
    ("label", "page"),
    [
        ("ansible_collections.kubernetes.core.k8s_module", "collections/kubernetes/core/k8s_module.html"),
        ("common_return_values", "reference_appendices/common_return_values.html"),
        ("ansible_collections.maas_billing.platform.no_such_module", ""),
        ("a-heading", ""),
    ],
)
def test_what_is_documented_elsewhere_is_linked(label: str, page: str) -> None:
    """A label of ours that leads nowhere stays one, so that Sphinx warns."""
    assert ansible_page(label).removeprefix("https://docs.ansible.com/ansible/12/") == page

# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a verification found to one line for each thing that was checked."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from .verification import UNTRIED

Verdict = dict[str, Any]
_SAID_WIDTH = 90


def verdicts(evidence: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """Return the verdicts on what the roles found, in their order.

    :param evidence: for each role ``part`` (its name) and any of ``components`` and ``unrecorded`` (as platform_info
        tells them), ``set`` (the result of apply_set, tier_policies or api_keys in check mode, failed or not),
        ``releases`` (results of the Helm module in check mode), ``settings`` (variables of a controller as they are
        ``live`` and ``wanted``, and ``defaults`` of those not set), ``answers`` (of gateway_probe).
    :return: mappings with ``part``, ``check``, ``ok`` and ``said``.
    """
    rows = []
    for found in evidence:
        part = str(found["part"])
        rows += _records(part, found.get("unrecorded"))
        rows += [_component(part, item) for item in found.get("components") or []]
        rows += _releases(part, found.get("releases") or [])
        rows += _settings(part, found.get("settings") or {})
        rows += _set(part, found.get("set") or {})
        rows += [_verdict(part, item["name"], item["ok"], item["said"]) for item in found.get("answers") or []]
    return rows


def _verdict(part: str, check: str, ok: bool, said: str) -> Verdict:
    return {"part": part, "check": check, "ok": ok, "said": said}


def _component(part: str, item: Mapping[str, Any]) -> Verdict:
    absent = item["owner"] == "absent"
    stopped = not item.get("running", True)
    stuck = item["owner"] == "ours" and not item.get("rolled_out", True)
    said = f"{item['owner']}, {item['version']}".rstrip(", ")
    if absent:
        said = "is not there"
    elif stopped:
        said = "its controller does not run"
    elif stuck:
        said = "not all pods of its controller are of its present version and run: kubectl describe pods says why"
    return _verdict(part, item["title"], not (absent or stopped or stuck), said)


def _records(part: str, unrecorded: Sequence[str] | None) -> list[Verdict]:
    if unrecorded is None:
        return []
    lost = f"missing, though these are of our sets: {', '.join(unrecorded)}. The site playbook writes them anew"
    return [_verdict(part, "records of the sets", not unrecorded, lost if unrecorded else "there")]


def _releases(part: str, results: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    rows = []
    for result in results:
        # In check mode the module tells the release as it is there, or an empty mapping where there is none.
        installed = (result.get("status") or {}).get("values", {}).get("declared", {"status": "deployed"})
        wrong = "another version or other values" if installed else "not installed"
        state = installed.get("status", "deployed")
        if state != "deployed":
            wrong = f"its last revision is {state}. The site playbook brings it to its end"
        ok = not result["changed"] and state == "deployed"
        said = "as wanted" if ok else wrong
        rows.append(_verdict(part, f"Helm release {result['__maas_release']['name']}", ok, said))
    return rows


def _settings(part: str, settings: Mapping[str, Any]) -> list[Verdict]:
    """Judge what Helm does not compare: the variables with which a controller really runs."""
    if not settings:
        return []
    live = {**settings["defaults"], **settings["live"]}
    wrong = [
        f"{name} is {live.get(name, 'not set')}, not {value}"
        for name, value in settings["wanted"].items()
        if live.get(name) != value
    ]
    said = ", ".join(wrong) or f"{len(settings['wanted'])} as wanted"
    return [_verdict(part, "settings of its operator", not wrong, said)]


def _set(part: str, result: Mapping[str, Any]) -> list[Verdict]:
    if result.get("failed"):
        return [_verdict(part, "comparison with the inventory", False, str(result.get("msg", "failed")))]
    wrong = {item["object"]: f"would be {item['action']}: {item['why']}" for item in result.get("changes", [])}
    for item in result.get("not_ready", []):
        wrong.setdefault(item["object"], f"not in force: {item['said']}")
    rows = [_verdict(part, name, False, said) for name, said in wrong.items()]
    rows += [_foreign(part, said) for said in result.get("foreign", [])]
    unready = {item["object"] for item in result.get("not_ready", [])} - _changed(result)
    well = result.get("unchanged", 0) - len(unready)
    if well > 0:
        objects = "1 object" if well == 1 else f"{well} objects"
        rows.append(_verdict(part, f"{objects} of the set", True, "as wanted and in force"))
    return rows


def _foreign(part: str, said: str) -> Verdict:
    """Judge what tier_policies says of one policy or route of somebody else; it begins with kind and name."""
    check = " ".join(said.split(" ", 2)[:2])
    cure = "delete it, or say in maas_tiers and maas_models what it is for"
    return _verdict(part, check, False, f"{said}; likely cure: {cure}")


def _changed(result: Mapping[str, Any]) -> set[str]:
    return {item["object"] for item in result.get("changes", [])}


def junit(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return verdicts as JUnit XML: a suite for each part, a case for each check."""
    suites = ElementTree.Element("testsuites", name="maas_billing.platform")
    for part in dict.fromkeys(str(row["part"]) for row in rows):
        own = [row for row in rows if row["part"] == part]
        failed = sum(not row["ok"] for row in own)
        suite = ElementTree.SubElement(suites, "testsuite", name=part, tests=str(len(own)), failures=str(failed))
        for row in own:
            case = ElementTree.SubElement(suite, "testcase", classname=part, name=str(row["check"]))
            if not row["ok"]:
                ElementTree.SubElement(case, "failure", message=_printable(row["said"]))
            elif str(row["said"]).startswith(UNTRIED):
                ElementTree.SubElement(case, "skipped", message=_printable(row["said"]))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode") + "\n"


def _printable(said: Any) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(letter for letter in str(said) if letter.isprintable() or letter.isspace())


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return verdicts as lines of a table with aligned columns."""
    if not rows:
        return ["nothing was checked"]
    widths = {column: max(len(str(row[column])) for row in rows) for column in ("part", "check")}
    lines = []
    for row in rows:
        mark = "ok    " if row["ok"] else "WRONG "
        head = f"{mark} {row['part']:<{widths['part']}}  {row['check']:<{widths['check']}}  "
        said = textwrap.wrap(" ".join(str(row["said"]).split()), _SAID_WIDTH) or [""]
        lines.append((head + said[0]).rstrip())
        lines += [" " * len(head) + more for more in said[1:]]
    return lines

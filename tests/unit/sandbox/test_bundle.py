# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the bundle, with scripts in the place of Go and Helm; and what can be said of the charts by reading them."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import bundle
from sandbox.errors import SandboxError

FILES = {
    "charts/base-1.29.6.tgz",
    "charts/cert-manager-v1.21.1.tgz",
    "charts/istiod-1.29.6.tgz",
    "charts/kserve-crd-v0.20.0.tgz",
    "charts/kserve-resources-v0.20.0.tgz",
    "charts/kuadrant-operator-1.5.2.tgz",
    "manifests/gateway-api-v1.4.1.yaml",
}

# Answers `go mod download -json MODULE@VERSION...` with folders below HERE/modules, and the sums of the real go.sum.
_GO = """#!/bin/sh
echo "go $*" >> HERE/calls
shift 3
for module; do
  name=${module%@*}; version=${module#*@}
  sum=$(grep "^$name $version " GOSUM | cut -d' ' -f3)
  printf '{"Path": "%s", "Version": "%s", "Sum": "%s", "Dir": "HERE/modules/%s"}\\n' "$name" "$version" "$sum" "$name"
done
"""
# Answers `helm package --destination FOLDER CHART...` with archives.
_HELM = """#!/bin/sh
echo "helm $1" >> HERE/calls
mkdir -p "$3"; to=$3; shift 3
for chart; do
  version=$(sed -n 's/^version: //p' "$chart/Chart.yaml"); name=$(basename "$chart")
  tar -czf "$to/$name-$version.tgz" -C "$(dirname "$chart")" "$name"
done
"""


class Place:
    """A folder with a Go, a Helm, modules, a cache, and a place for the bundle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "bundle"
        self.go = self._script("go", _GO)
        self.helm = self._script("helm", _HELM)
        self._module(bundle.GATEWAY_API, "config/crd/standard/a.yaml", "---\nkind: A\n")
        self._module(bundle.GATEWAY_API, "config/crd/standard/b.yaml", "#\nkind: B\n")
        self._module(bundle.ISTIO, "kubernetes/customresourcedefinitions.gen.yaml", "kind: I\n---\nkind: J\n")
        self._module(bundle.CERT_MANAGER, "deploy/crds/certificates.yaml", "kind: C\n")

    def _script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text.replace("HERE", str(self.folder)).replace("GOSUM", str(bundle.MODULES / "go.sum")))
        path.chmod(0o755)
        return path

    def _module(self, name: str, file: str, text: str) -> None:
        path = self.folder / "modules" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def build(self, go: str = "") -> None:
        bundle.build(self.target, go=go or str(self.go), cache=self.folder / "cache", helm=self.helm)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def files(self) -> dict[str, int]:
        """The files of the bundle, with the time of their last change."""
        found = (path for path in self.target.rglob("*") if path.is_file())
        return {str(path.relative_to(self.target)): path.stat().st_mtime_ns for path in found}

    def in_chart(self, chart: str, file: str) -> str:
        (path,) = (self.target / "charts").glob(f"{chart}-*.tgz")
        with tarfile.open(path) as archive:
            content = archive.extractfile(f"{chart}/{file}")
            assert content
            return content.read().decode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the charts, which the bundle is made of from now on."""
    copy = shutil.copytree(bundle.CHARTS, tmp_path / "charts-of-mine")
    monkeypatch.setattr(bundle, "CHARTS", copy)
    return copy


def test_has_the_layout_of_a_disconnected_installation(place: Place) -> None:
    place.build()
    assert set(place.files()) == FILES


def test_modules_are_asked_for_by_their_version(place: Place) -> None:
    place.build()
    asked = place.calls()[0].split()
    assert f"{bundle.GATEWAY_API}@v1.4.1" in asked
    assert f"{bundle.ISTIO}@v1.31.1" in asked
    assert f"{bundle.CERT_MANAGER}@v1.21.1" in asked


def test_crds_go_where_upstream_has_them(place: Place) -> None:
    place.build()
    manifest = (place.target / "manifests" / "gateway-api-v1.4.1.yaml").read_text()
    assert [document["kind"] for document in yaml.safe_load_all(manifest)] == ["A", "B"]
    assert place.in_chart("base", "files/istio.yaml") == "kind: I\n---\nkind: J\n"
    assert place.in_chart("cert-manager", "files/certificates.yaml") == "kind: C\n"


def test_nothing_is_left_in_the_tree(place: Place) -> None:
    def tree() -> dict[Path, bytes]:
        roots = (bundle.CHARTS, bundle.MODULES)
        return {path: path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}

    before = tree()
    place.build()
    assert tree() == before


def test_second_time_nothing_is_run_and_nothing_is_touched(place: Place) -> None:
    place.build()
    calls, files = place.calls(), place.files()
    place.build()
    assert (place.calls(), place.files()) == (calls, files)


def test_another_chart_makes_another_bundle(place: Place, charts: Path) -> None:
    place.build()
    calls, before = place.calls(), place.files()
    values = charts / "base" / "values.yaml"
    values.write_text(values.read_text() + "\nmore: true\n")
    place.build()
    assert len(place.calls()) == 2 * len(calls)
    assert "more: true" in place.in_chart("base", "values.yaml")
    manifest = "manifests/gateway-api-v1.4.1.yaml"
    assert place.files()[manifest] == before[manifest], "what is equal is not written again"


def test_other_files_are_removed(place: Place) -> None:
    old = place.target / "charts" / "base-1.0.0.tgz"
    old.parent.mkdir(parents=True)
    old.write_text("")
    place.build()
    assert set(place.files()) == FILES


def test_a_failure_leaves_no_half_bundle(place: Place) -> None:
    place.helm.write_text("#!/bin/sh\necho broken chart >&2\nexit 1\n")
    with pytest.raises(SandboxError, match=r"`helm package --destination` failed:\nbroken chart\n"):
        place.build()
    assert list((place.folder / "cache" / "bundle").iterdir()) == []
    assert not place.target.exists()


def test_no_go(place: Place) -> None:
    with pytest.raises(SandboxError, match=r"^There is no no-such-go\.\nInstall it"):
        place.build(go="no-such-go")


def test_go_says_why_a_module_cannot_be_had(place: Place) -> None:
    place.go.write_text('#!/bin/sh\nprintf \'{\\n\\t"Path": "x",\\n\\t"Error": "no such host"\\n}\\n\'\nexit 1\n')
    with pytest.raises(SandboxError, match=r"`go mod download` failed:\nno such host\n"):
        place.build()


def test_a_module_with_another_content_is_refused(place: Place) -> None:
    place.go.write_text(place.go.read_text().replace("cut -d' ' -f3", "tr -d '\\n' | rev"))
    with pytest.raises(SandboxError, match=r"github.com/cert-manager/cert-manager v1.21.1 is not the one"):
        place.build()


def test_a_module_without_crds_is_named(place: Place) -> None:
    shutil.rmtree(place.folder / "modules" / bundle.ISTIO)
    with pytest.raises(SandboxError, match=r"istio.io/api has no CRDs"):
        place.build()


def test_a_cache_that_cannot_be_written(place: Place) -> None:
    (place.folder / "cache").write_text("a file")
    with pytest.raises(SandboxError, match=r"^The bundle could not be written: .*cache"):
        place.build()


def stages(chart: str) -> list[tuple[Path, dict[str, Any]]]:
    """The Stages of a chart, as Helm finds them."""
    files = sorted((bundle.CHARTS / chart / "stages").glob("*.yaml"))
    return [(file, stage) for file in files for stage in yaml.safe_load_all(file.read_text())]


CHARTS_WITH_STAGES = ("cert-manager", "istiod", "kserve-resources", "kuadrant-operator")


@pytest.mark.parametrize("chart", sorted(path.name for path in bundle.CHARTS.iterdir()))
def test_chart_says_what_it_is(chart: str) -> None:
    about = yaml.safe_load((bundle.CHARTS / chart / "Chart.yaml").read_text())
    assert about["name"] == chart
    assert f"charts/{chart}-{about['version']}.tgz" in FILES
    assert about["description"].startswith("Stand-in of the sandbox")


def test_images_do_not_float() -> None:
    text = "".join(path.read_text() for path in bundle.CHARTS.rglob("*") if path.is_file())
    assert not re.search(r":(latest|main|master)\b", text)


@pytest.mark.parametrize("chart", CHARTS_WITH_STAGES)
def test_stages_have_a_selector_and_the_name_of_their_chart(chart: str) -> None:
    for file, stage in stages(chart):
        assert stage["kind"] == "Stage", file
        assert stage["spec"]["selector"], "without one a Stage matches nothing"
        assert stage["metadata"]["name"].startswith(re.sub("-(resources|operator)$", "", chart)), file


@pytest.mark.parametrize("chart", CHARTS_WITH_STAGES)
def test_helm_fills_in_every_word_between_at_signs(chart: str) -> None:
    folder = bundle.CHARTS / chart
    used = {word for path in (folder / "stages").iterdir() for word in re.findall(r"@\w+@", path.read_text())}
    filled = set(re.findall(r'"\s*(@\w+@)"', (folder / "templates" / "stages.yaml").read_text()))
    assert used == filled


def test_no_two_charts_watch_the_same_kind() -> None:
    """kwok watches a kind from its first Stage on; to a Stage that it learns of later, it shows nothing from before."""
    watched = {
        chart: {
            (stage["spec"]["resourceRef"]["apiGroup"], stage["spec"]["resourceRef"]["kind"])
            for _, stage in stages(chart)
        }
        for chart in CHARTS_WITH_STAGES
    }
    everything = [kind for kinds in watched.values() for kind in kinds]
    assert sorted(everything) == sorted(set(everything))

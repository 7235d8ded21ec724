# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames, matches, precedence and filters of the stand-in gateway."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sandbox.gateway import hostnames
from sandbox.gateway.attachment import Listener
from sandbox.gateway.routing import Port, Site, find_site, targets_of
from sandbox.gateway.rules import Match, Rule, UnsupportedError, compile_rules

_LABELS = st.lists(st.sampled_from(["a", "b", "maas", "local"]), min_size=1, max_size=4).map(".".join)
_PATTERNS = st.one_of(st.just(""), _LABELS, _LABELS.map(lambda name: f"*.{name}"))


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("SIMULATOR.maas.local", "simulator.maas.local"),
        ("simulator.maas.local:8000", "simulator.maas.local"),
        ("[::1]:8000", "[::1]"),
        ("", ""),
    ],
)
def test_the_host_of_an_authority(authority: str, host: str) -> None:
    assert hostnames.of_authority(authority) == host


@pytest.mark.parametrize(
    ("listener", "route", "common"),
    [
        ("*.maas.local", "qwen.maas.local", "qwen.maas.local"),
        ("*.maas.local", "a.b.maas.local", "a.b.maas.local"),
        ("*.maas.local", "maas.local", None),
        ("*.maas.local", "notmaas.local", None),
        ("*.maas.local", "", "*.maas.local"),
        ("", "*.maas.local", "*.maas.local"),
        ("", "", ""),
        ("qwen.maas.local", "*.maas.local", "qwen.maas.local"),
        ("qwen.maas.local", "other.maas.local", None),
        ("*.local", "*.maas.local", "*.maas.local"),
        ("*.maas.local", "*.example.com", None),
    ],
)
def test_the_intersection_of_listener_and_route(listener: str, route: str, common: str | None) -> None:
    assert hostnames.intersection(listener, route) == common


@given(st.lists(_PATTERNS, unique=True), _LABELS)
def test_the_best_pattern_is_the_most_specific_that_covers_the_host(patterns: list[str], host: str) -> None:
    def specificity(pattern: str) -> tuple[bool, int]:
        return pattern == host, len(pattern)

    covering = [pattern for pattern in patterns if hostnames.covers(pattern, host)]
    found = hostnames.best({pattern: pattern for pattern in patterns}, host)
    assert found == max(covering, key=specificity, default=None)


@given(_PATTERNS, _PATTERNS, _LABELS)
def test_the_intersection_covers_what_both_cover(one: str, other: str, host: str) -> None:
    common = hostnames.intersection(one, other)
    both = hostnames.covers(one, host) and hostnames.covers(other, host)
    assert both == (common is not None and hostnames.covers(common, host))


def accepts(match: dict[str, Any], target: str, method: str = "GET", **headers: str) -> bool:
    """Compile one match and try it."""
    (rule,) = compile_rules({"rules": [{"matches": [match]}]})
    path, _, query = target.partition("?")
    return rule.matches[0].accepts(method, path, query, CIMultiDict(headers))


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/", "/anything", True),
        ("/v1", "/v1", True),
        ("/v1", "/v1/", True),
        ("/v1", "/v1/models", True),
        ("/v1", "/v10", False),
        ("/v1/", "/v1", True),
        ("/v1/", "/v1/models", True),
        ("/v1/", "/v10", False),
        ("/v1", "/V1", False),
    ],
)
def test_prefixes_match_whole_elements(prefix: str, path: str, expected: bool) -> None:
    assert accepts({"path": {"type": "PathPrefix", "value": prefix}}, path) is expected


def test_exact_paths() -> None:
    match = {"path": {"type": "Exact", "value": "/v1/models"}}
    assert accepts(match, "/v1/models?a=b")
    assert not accepts(match, "/v1/models/")


def test_methods_headers_and_query() -> None:
    assert accepts({"method": "POST"}, "/", "POST")
    assert not accepts({"method": "POST"}, "/", "GET")
    header = {"headers": [{"name": "X-Tier", "value": "gold"}, {"name": "x-tier", "value": "ignored"}]}
    assert accepts(header, "/", **{"x-tier": "gold"})
    assert not accepts(header, "/", **{"x-tier": "Gold"})
    assert not accepts(header, "/")
    query = {"queryParams": [{"name": "v", "value": "a b"}]}
    assert accepts(query, "/?v=a%20b&v=c")
    assert not accepts(query, "/?v=c&v=a%20b")
    assert not accepts(query, "/")


def test_a_repeated_header_counts_as_one_joined_with_commas() -> None:
    match = Match(headers=(("x-tier", "a,b"),))
    assert match.accepts("GET", "/", "", CIMultiDict([("X-Tier", "a"), ("x-tier", "b")]))


def site(*targets: tuple[str, str, list[dict[str, Any]]], hostname: str = "h") -> Site:
    """A site with routes (name, age, rules) on one hostname."""
    found = Site(Listener(("maas", "gw"), "http", 80, "HTTP", "", {}))
    for name, created, rules in targets:
        route = {"metadata": {"namespace": "models", "name": name, "creationTimestamp": created}}
        compiled = [(rule, ()) for rule in compile_rules({"rules": rules})]
        found.hosts.setdefault(hostname, []).extend(targets_of(route, compiled))
    found.sort()
    return found


def winner(site: Site, target: str, method: str = "GET", **headers: str) -> tuple[str, str] | None:
    """Return the names of the route and the rule that take a request."""
    path, _, query = target.partition("?")
    found = site.find("h", method, path, query, CIMultiDict(headers))
    return (found.route[1], found.rule.name) if found else None


def rule(name: str, **match: Any) -> dict[str, Any]:
    """A rule with one match."""
    return {"name": name, "matches": [match]}


def test_precedence_exact_longest_method_headers_query() -> None:
    prefix = {"path": {"value": "/v1"}}
    rules = [
        rule("any"),
        rule("query", **prefix, queryParams=[{"name": "q", "value": "1"}]),
        rule("header", **prefix, headers=[{"name": "h", "value": "1"}]),
        rule("method", **prefix, method="POST"),
        rule("prefix", **prefix),
        rule("longer", path={"value": "/v1/models"}),
        rule("exact", path={"type": "Exact", "value": "/v1/models/a"}),
    ]
    found = site(("route", "2026-01-01T00:00:00Z", rules))
    assert winner(found, "/v1/models/a", "POST", h="1") == ("route", "exact")
    assert winner(found, "/v1/models/b", "POST", h="1") == ("route", "longer")
    assert winner(found, "/v1/x?q=1", "POST", h="1") == ("route", "method")
    assert winner(found, "/v1/x?q=1", "GET", h="1") == ("route", "header")
    assert winner(found, "/v1/x?q=1") == ("route", "query")
    assert winner(found, "/v1/x") == ("route", "prefix")
    assert winner(found, "/") == ("route", "any")


def test_ties_go_to_the_older_route_then_the_name_then_the_first_rule() -> None:
    young, old = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
    rules = [rule("first"), rule("second")]
    assert winner(site(("a", young, rules), ("b", old, rules)), "/") == ("b", "first")
    assert winner(site(("b", old, rules), ("a", old, rules)), "/") == ("a", "first")


def test_no_match_is_no_target_even_when_a_wider_hostname_has_one() -> None:
    wide = site(("wide", "", [rule("any")]), hostname="*.local")
    wide.hosts["h.local"] = site(("narrow", "", [rule("v1", path={"value": "/v1"})])).hosts["h"]
    assert wide.find("h.local", "GET", "/v2", "", CIMultiDict()) is None
    found = wide.find("g.local", "GET", "/v2", "", CIMultiDict())
    assert found is not None
    assert found.route[1] == "wide"


def test_the_most_specific_listener_gets_the_request() -> None:
    port: Port = {
        name: Site(Listener(("m", "g"), name or "any", 80, "HTTP", name, {})) for name in ("", "*.l", "*.a.l")
    }
    chosen = {host: found.listener.name for host in ("x", "b.l", "x.a.l") if (found := find_site(port, host))}
    assert chosen == {"x": "any", "b.l": "*.l", "x.a.l": "*.a.l"}
    assert find_site({"*.l": port["*.l"]}, "x") is None


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"retry": {}}, "spec.rules[0].retry is not implemented"),
        (
            {"matches": [{"path": {"type": "RegularExpression", "value": "/a"}}]},
            "matches[0].path.type 'RegularExpression'",
        ),
        ({"matches": [{"headers": [{"name": "a", "value": "b", "type": "RegularExpression"}]}]}, "headers[0].type"),
        (
            {"matches": [{"queryParams": [{"name": "a", "value": "b", "type": "RegularExpression"}]}]},
            "queryParams[0].type",
        ),
        (
            {"filters": [{"type": "RequestMirror", "requestMirror": {}}]},
            "spec.rules[0].filters[0].type 'RequestMirror'",
        ),
        ({"filters": [{"type": "ExtensionRef", "extensionRef": {}}]}, "implemented: RequestHeaderModifier"),
        ({"backendRefs": [{"name": "a", "filters": []}]}, "spec.rules[0].backendRefs[0].filters is not implemented"),
        ({"timeouts": {"idle": "1s"}}, "spec.rules[0].timeouts.idle"),
        (
            {
                "matches": [{"path": {"type": "Exact", "value": "/a"}}],
                "filters": [
                    {
                        "type": "URLRewrite",
                        "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
                    }
                ],
            },
            "ReplacePrefixMatch needs a match of type PathPrefix",
        ),
        ({"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}] * 2}, "may stand only once"),
    ],
)
def test_what_is_not_implemented_is_named(rule: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        compile_rules({"rules": [rule]})
    assert words in str(error.value)


def test_a_route_without_rules_or_matches_takes_everything() -> None:
    assert compile_rules({}) == (Rule(),)
    assert Match().accepts("PUT", "/x", "y=1", CIMultiDict())


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [({}, 0), ({"request": "0s"}, 0), ({"request": "1m30s"}, 90), ({"request": "10s", "backendRequest": "500ms"}, 0.5)],
)
def test_timeouts(timeouts: dict[str, str], seconds: float) -> None:
    assert compile_rules({"rules": [{"timeouts": timeouts}]})[0].timeout == seconds


@pytest.mark.parametrize(
    ("prefix", "replacement", "path", "expected"),
    [
        # The table of the Gateway API's HTTPPathModifier.
        ("/foo", "/xyz", "/foo/bar", "/xyz/bar"),
        ("/foo", "/xyz/", "/foo/bar", "/xyz/bar"),
        ("/foo/", "/xyz", "/foo/bar", "/xyz/bar"),
        ("/foo/", "/xyz/", "/foo/bar", "/xyz/bar"),
        ("/foo", "/xyz", "/foo", "/xyz"),
        ("/foo", "/xyz", "/foo/", "/xyz/"),
        ("/foo", "", "/foo/bar", "/bar"),
        ("/foo", "", "/foo/", "/"),
        ("/foo", "", "/foo", "/"),
        ("/foo", "/", "/foo/", "/"),
        ("/foo", "/", "/foo", "/"),
    ],
)
def test_replacing_a_prefix(prefix: str, replacement: str, path: str, expected: str) -> None:
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": replacement}}
    (rule,) = compile_rules(
        {
            "rules": [
                {"matches": [{"path": {"value": prefix}}], "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}]}
            ]
        }
    )
    assert rule.filters.path is not None
    assert rule.filters.path.apply(path, rule.matches[0]) == expected


@pytest.mark.parametrize(
    ("redirect", "location"),
    [
        ({}, "http://a.local:8000/foo/bar"),
        ({"scheme": "https"}, "https://a.local/foo/bar"),
        ({"scheme": "http"}, "http://a.local/foo/bar"),
        ({"scheme": "https", "port": 8443}, "https://a.local:8443/foo/bar"),
        ({"hostname": "b.local", "port": 80}, "http://b.local/foo/bar"),
        ({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/new"}}, "http://a.local:8000/new"),
        ({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}, "http://a.local:8000/x/bar"),
    ],
)
def test_locations_of_redirects(redirect: dict[str, Any], location: str) -> None:
    filters = [{"type": "RequestRedirect", "requestRedirect": redirect}]
    (rule,) = compile_rules({"rules": [{"matches": [{"path": {"value": "/foo"}}], "filters": filters}]})
    assert rule.filters.redirect is not None
    assert rule.filters.redirect.location("a.local", 8000, "/foo/bar", rule.matches[0]) == location

# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of an HTTPRoute: what they match and how they change a request. Pure.

``compile_rules`` reads the rules of a route. Whatever the stand-in does not implement raises UnsupportedError with the
place and what is allowed; nothing is ever skipped in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from multidict import CIMultiDict, CIMultiDictProxy

from sandbox import durations

Spec = Mapping[str, Any]
Headers = CIMultiDict[str] | CIMultiDictProxy[str]


class UnsupportedError(Exception):
    """A route asks for something that the stand-in does not implement; the text names the field and what is allowed."""


@dataclass(frozen=True)
class Match:
    """One entry of ``matches``; ``path`` of a prefix match has no slash at its end."""

    path: str = ""
    exact: bool = False
    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()

    def accepts(self, method: str, path: str, query: str, headers: Headers) -> bool:
        """Tell whether a request is meant; ``path`` is without the query string."""
        return (
            self._accepts_path(path)
            and self.method in (None, method)
            and all(",".join(headers.getall(name, ())) == value for name, value in self.headers)
            and (not self.query or self._accepts_query(query))
        )

    def _accepts_path(self, path: str) -> bool:
        if self.exact:
            return path == self.path
        return path == self.path or path.startswith(self.path + "/")

    def _accepts_query(self, query: str) -> bool:
        # The first value of a repeated parameter counts, as the specification recommends.
        given = dict(reversed(parse_qsl(query, keep_blank_values=True)))
        return all(given.get(name) == value for name, value in self.query)

    @property
    def precedence(self) -> tuple[int, int, int, int, int]:
        """Sort key, best first: exact path, longest path, a method, most headers, most query parameters."""
        return (
            -int(self.exact),
            -len(self.path),
            -int(self.method is not None),
            -len(self.headers),
            -len(self.query),
        )

    def __str__(self) -> str:
        text = f"{'Exact' if self.exact else 'PathPrefix'} {self.path or '/'}"
        extra = [self.method or "", *(f"{n}: {v}" for n, v in self.headers), *(f"?{n}={v}" for n, v in self.query)]
        return " ".join([text, *filter(None, extra)])


@dataclass(frozen=True)
class HeaderEdit:
    """Headers to set, add and remove."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()

    def apply(self, headers: CIMultiDict[str]) -> None:
        """Change ``headers`` in place."""
        for name, value in self.set:
            headers[name] = value
        headers.extend(self.add)
        for name in self.remove:
            headers.popall(name, None)


@dataclass(frozen=True)
class PathEdit:
    """A new path: the whole of it, or only in place of the matched prefix."""

    replacement: str
    whole: bool

    def apply(self, path: str, match: Match) -> str:
        """Return the path after the change."""
        if self.whole:
            return self.replacement
        return (self.replacement.rstrip("/") + path[len(match.path) :]) or "/"


@dataclass(frozen=True)
class Redirect:
    """Answer with a Location instead of forwarding."""

    status: int = 302
    scheme: str = ""
    hostname: str = ""
    port: int = 0
    path: PathEdit | None = None

    def location(self, host: str, listener_port: int, path: str, match: Match) -> str:
        """Return the URL (without query) to go to; ``host`` is the requested host without its port."""
        scheme = self.scheme or "http"
        well_known = {"http": 80, "https": 443}[scheme]
        port = self.port or (well_known if self.scheme else listener_port)
        authority = (self.hostname or host) + ("" if port == well_known else f":{port}")
        return f"{scheme}://{authority}{self.path.apply(path, match) if self.path else path}"


@dataclass(frozen=True)
class Filters:
    """The filters of one rule."""

    request: HeaderEdit | None = None
    response: HeaderEdit | None = None
    redirect: Redirect | None = None
    hostname: str = ""
    path: PathEdit | None = None


@dataclass(frozen=True)
class Rule:
    """One rule of a route; ``timeout`` is in seconds, 0 for none; ``backends`` are the references as written."""

    name: str = ""
    matches: tuple[Match, ...] = (Match(),)
    filters: Filters = field(default_factory=Filters)
    timeout: float = 0.0
    backends: tuple[Spec, ...] = ()


def compile_rules(spec: Spec) -> tuple[Rule, ...]:
    """Read ``spec.rules`` of an HTTPRoute. Raises UnsupportedError."""
    return tuple(_rule(rule, f"spec.rules[{index}]") for index, rule in enumerate(spec.get("rules", [{}])))


def _rule(rule: Spec, where: str) -> Rule:
    _known(rule, where, {"name", "matches", "filters", "timeouts", "backendRefs"})
    backends = tuple(rule.get("backendRefs", ()))
    for index, backend in enumerate(backends):
        _known(backend, f"{where}.backendRefs[{index}]", {"group", "kind", "name", "namespace", "port", "weight"})
    matches = tuple(_match(match, f"{where}.matches[{i}]") for i, match in enumerate(rule.get("matches") or [{}]))
    filters = _filters(rule.get("filters", ()), f"{where}.filters")
    _check_prefixes(matches, filters, where)
    return Rule(rule.get("name", ""), matches, filters, _timeout(rule, where), backends)


def _match(match: Spec, where: str) -> Match:
    _known(match, where, {"path", "method", "headers", "queryParams"})
    path = match.get("path", {})
    kind, value = path.get("type", "PathPrefix"), path.get("value", "/")
    _one_of(kind, f"{where}.path.type", ("Exact", "PathPrefix"))
    exact = kind == "Exact"
    return Match(
        path=value if exact else value.rstrip("/"),
        exact=exact,
        method=match.get("method"),
        headers=_pairs(match.get("headers", ()), f"{where}.headers", str.lower),
        query=_pairs(match.get("queryParams", ()), f"{where}.queryParams", str),
    )


def _pairs(entries: Iterable[Spec], where: str, fold: Any) -> tuple[tuple[str, str], ...]:
    """Read header or query matches; of equal names only the first counts, as the specification says."""
    pairs: dict[str, str] = {}
    for index, entry in enumerate(entries):
        _one_of(entry.get("type", "Exact"), f"{where}[{index}].type", ("Exact",))
        pairs.setdefault(fold(entry["name"]), entry["value"])
    return tuple(pairs.items())


def _filters(entries: Iterable[Spec], where: str) -> Filters:
    found: dict[str, Any] = {}
    for index, entry in enumerate(entries):
        place, kind = f"{where}[{index}]", entry["type"]
        _one_of(kind, f"{place}.type", tuple(_FILTERS))
        for name, value in _FILTERS[kind](entry, place).items():
            if name in found:
                raise UnsupportedError(f"{place}: {kind} may stand only once in a rule")
            found[name] = value
    return Filters(**found)


def _request_headers(entry: Spec, where: str) -> dict[str, Any]:
    return {"request": _header_edit(entry["requestHeaderModifier"])}


def _response_headers(entry: Spec, where: str) -> dict[str, Any]:
    return {"response": _header_edit(entry["responseHeaderModifier"])}


def _header_edit(edit: Spec) -> HeaderEdit:
    def pairs(verb: str) -> tuple[tuple[str, str], ...]:
        return tuple((header["name"], header["value"]) for header in edit.get(verb, ()))

    return HeaderEdit(pairs("set"), pairs("add"), tuple(edit.get("remove", ())))


def _redirect(entry: Spec, where: str) -> dict[str, Any]:
    redirect = entry["requestRedirect"]
    place = f"{where}.requestRedirect"
    _known(redirect, place, {"scheme", "hostname", "path", "port", "statusCode"})
    _one_of(redirect.get("scheme", "http"), f"{place}.scheme", ("http", "https"))
    return {
        "redirect": Redirect(
            status=redirect.get("statusCode", 302),
            scheme=redirect.get("scheme", ""),
            hostname=redirect.get("hostname", ""),
            port=redirect.get("port", 0),
            path=_path_edit(redirect, place),
        )
    }


def _rewrite(entry: Spec, where: str) -> dict[str, Any]:
    rewrite, place = entry["urlRewrite"], f"{where}.urlRewrite"
    _known(rewrite, place, {"hostname", "path"})
    return {"hostname": rewrite.get("hostname", ""), "path": _path_edit(rewrite, place)}


_FILTERS = {
    "RequestHeaderModifier": _request_headers,
    "ResponseHeaderModifier": _response_headers,
    "RequestRedirect": _redirect,
    "URLRewrite": _rewrite,
}


def _path_edit(parent: Spec, where: str) -> PathEdit | None:
    path = parent.get("path")
    if path is None:
        return None
    _one_of(path["type"], f"{where}.path.type", ("ReplaceFullPath", "ReplacePrefixMatch"))
    if path["type"] == "ReplaceFullPath":
        return PathEdit(path["replaceFullPath"], whole=True)
    return PathEdit(path["replacePrefixMatch"], whole=False)


def _check_prefixes(matches: tuple[Match, ...], filters: Filters, where: str) -> None:
    edits = [filters.path, filters.redirect.path if filters.redirect else None]
    if any(edit and not edit.whole for edit in edits) and any(match.exact for match in matches):
        raise UnsupportedError(f"{where}: ReplacePrefixMatch needs a match of type PathPrefix")


def _timeout(rule: Spec, where: str) -> float:
    """The gateway does not repeat a request once it was sent, so the shorter of both limits is the one that counts."""
    timeouts = rule.get("timeouts", {})
    _known(timeouts, f"{where}.timeouts", {"request", "backendRequest"})
    limits = [durations.seconds(text) for text in timeouts.values()]
    return min((limit for limit in limits if limit), default=0.0)


def _known(spec: Spec, where: str, allowed: set[str]) -> None:
    for name in spec:
        if name not in allowed:
            raise UnsupportedError(f"{where}.{name} is not implemented; implemented: {', '.join(sorted(allowed))}")


def _one_of(value: str, where: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UnsupportedError(f"{where} {value!r} is not implemented; implemented: {', '.join(allowed)}")

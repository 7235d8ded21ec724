# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EnvoyFilters that put a Lua filter before all others: the script is run, whatever it is called.

Known are ``handle:headers()`` with get, replace, add and remove. What else a filter asks for is logged, and the filter
has no effect.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from lupa import lua51  # type: ignore[import-untyped] # Envoy's LuaJIT speaks Lua 5.1

from sandbox.apiserver import Key, Object, key_of
from sandbox.gateway import hostnames
from sandbox.gateway.stages import Answer, Exchange, Proceed
from sandbox.gateway.world import title

_LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
_MANAGER = {"filterChain": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}}
_INSTRUCTIONS = 1_000_000
_MEMORY = 16 * 1024 * 1024
# Without pcall nothing catches the end of a script that runs for too long; the rest would reach out of it.
_SANDBOX = f"""
local sethook = debug.sethook
local dangerous = {{"pcall", "xpcall", "coroutine", "debug", "io", "os", "package", "require", "module", "python",
  "dofile", "load", "loadfile", "loadstring", "newproxy", "collectgarbage", "getfenv", "setfenv"}}
for _, name in ipairs(dangerous) do
  _G[name] = nil
end
return function(action, handle)
  sethook(function() error("runs for too long", 0) end, "", {_INSTRUCTIONS})
  action(handle)
  sethook()
end
"""
_HANDLE = """
return function(get, replace, add, remove)
  local headers = {}
  function headers:get(name) return get(name) end
  function headers:replace(name, value) replace(name, value) end
  function headers:add(name, value) add(name, value) end
  function headers:remove(name) remove(name) end
  local handle = {}
  function handle:headers() return headers end
  return handle
end
"""
_log = logging.getLogger(__name__)


class UnsupportedFilter(Exception):
    """A filter asks for what is not implemented here."""


class Script:
    """A Lua filter. Raises UnsupportedFilter when the script cannot be loaded."""

    def __init__(self, source: str) -> None:
        runtime = lua51.LuaRuntime(register_eval=False, register_builtins=False, max_memory=_MEMORY)
        self._make_handle: Callable[..., Any] = runtime.execute(_HANDLE)
        self._run: Callable[..., None] = runtime.execute(_SANDBOX)
        try:
            self._run(lambda _: runtime.execute(source), None)
        except lua51.LuaError as error:
            raise UnsupportedFilter(f"the script cannot be loaded: {_words(error)}") from None
        entries = runtime.globals()
        self._action = entries["envoy_on_request"]
        if self._action is None or entries["envoy_on_response"] is not None:
            raise UnsupportedFilter("a script with envoy_on_request and without envoy_on_response is implemented")

    def apply(self, exchange: Exchange) -> None:
        """Let the script change a request. Raises UnsupportedFilter, and nothing is changed, when it fails."""
        view = _Headers(exchange)
        try:
            self._run(self._action, self._make_handle(view.get, view.replace, view.add, view.remove))
        except lua51.LuaError as error:
            raise UnsupportedFilter(_words(error)) from None
        view.take_over()


def _words(error: Exception) -> str:
    """The first line: a stack of Lua calls follows it. Running out of memory has no words of its own."""
    return next(iter(str(error).splitlines()), type(error).__name__)


class _Headers:
    """The headers of a request as Envoy names them: host, path and method are headers with a colon."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._headers = exchange.headers.copy()
        self._path = exchange.path + (f"?{exchange.query}" if exchange.query else "")

    def get(self, name: str) -> str | None:
        if name == ":path":
            return self._path
        if name == ":method":
            return self._exchange.method
        values = self._headers.getall(_plain(name), ())
        return ",".join(values) if values else None

    def replace(self, name: str, value: str) -> None:
        if name == ":path":
            self._path = value
        else:
            self._headers[_plain(name)] = value

    def add(self, name: str, value: str) -> None:
        self._headers.add(_plain(name), value)

    def remove(self, name: str) -> None:
        self._headers.popall(_plain(name), None)

    def take_over(self) -> None:
        exchange = self._exchange
        exchange.headers = self._headers
        exchange.path, _, exchange.query = self._path.partition("?")
        exchange.host = hostnames.of_authority(self._headers.get("Host", ""))


def _plain(name: str) -> str:
    if name == ":authority":
        return "Host"
    if name.startswith(":"):
        raise UnsupportedFilter(f"header {name} cannot be changed here")
    return name


class LuaFilters:
    """The stage that runs the Lua filters of the Gateway before anything else sees a request."""

    def __init__(self) -> None:
        self._scripts: dict[Key, list[tuple[str, Script]]] = {}
        self._known: dict[tuple[str, Any], Script | None] = {}

    def configure(self, filters: Mapping[Key, Object], gateways: Collection[Key]) -> None:
        """Take over the EnvoyFilters of the cluster."""
        scripts: dict[Key, list[tuple[str, Script]]] = {}
        known: dict[tuple[str, Any], Script | None] = {}
        for key, thing in sorted(filters.items(), key=lambda item: (item[1]["metadata"]["creationTimestamp"], item[0])):
            version = (title(key), (thing["metadata"].get("uid"), thing["metadata"].get("generation")))
            script = self._known[version] if version in self._known else _load(thing)
            known[version] = script
            if script is None:
                continue
            for gateway in _targets(thing, gateways):
                # INSERT_FIRST: the filter that comes last stands first.
                scripts.setdefault(gateway, []).insert(0, (title(key), script))
        self._scripts, self._known = scripts, known

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Answer:
        """Let the scripts of the Gateway change the request."""
        site = next(iter(exchange.port.values()), None)
        for name, script in self._scripts.get(site.listener.gateway, ()) if site else ():
            try:
                script.apply(exchange)
            except UnsupportedFilter as error:
                _log.warning("EnvoyFilter %s has no effect on this request: %s", name, error)
        return await proceed(exchange)


def _targets(thing: Object, gateways: Collection[Key]) -> list[Key]:
    namespace = thing["metadata"]["namespace"]
    refs = thing["spec"].get("targetRefs", ())
    named = [(namespace, ref["name"]) for ref in refs if ref["kind"] == "Gateway"]
    if refs:
        return [key for key in named if key in gateways]
    return [key for key in gateways if key[0] == namespace]


def _load(thing: Object) -> Script | None:
    try:
        return Script(_source(thing["spec"]))
    except (UnsupportedFilter, KeyError, TypeError) as error:
        words = error if isinstance(error, UnsupportedFilter) else f"{error} is missing"
        _log.warning("EnvoyFilter %s has no effect here: %s", title(key_of(thing)), words)
        return None


def _source(spec: Mapping[str, Any]) -> str:
    if spec.keys() - {"targetRefs", "configPatches", "priority"}:
        raise UnsupportedFilter(
            f"spec.{', '.join(sorted(spec.keys() - {'targetRefs', 'configPatches'}))} is not implemented"
        )
    if len(spec["configPatches"]) != 1:
        raise UnsupportedFilter("one configPatch is implemented")
    (patch,) = spec["configPatches"]
    match, value = patch.get("match", {}), patch["patch"]["value"]
    where = (
        patch["applyTo"],
        patch["patch"]["operation"],
        match.get("context", "ANY"),
        match.get("listener", _MANAGER),
    )
    if where[:2] != ("HTTP_FILTER", "INSERT_FIRST") or where[2] not in ("GATEWAY", "ANY") or where[3] != _MANAGER:
        raise UnsupportedFilter(
            "a patch that puts an HTTP_FILTER first on the GATEWAY's HTTP connection manager is implemented"
        )
    config = value["typed_config"]
    if config["@type"] != _LUA:
        raise UnsupportedFilter(f"filters of type {config['@type']} are not implemented")
    return str(config["default_source_code"]["inline_string"])

# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of llm-d-inference-sim 0.10.2, as far as the stand-in follows it. Pure.

Flags are written as Go's pflag takes them: ``--flag value`` or ``--flag=value``, booleans also bare, lists as words up
to the next flag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox import durations

FAILURE_TYPES = (
    "rate_limit",
    "invalid_api_key",
    "context_length",
    "server_error",
    "invalid_request",
    "model_not_found",
)
_MODES = ("random", "echo")
_MOST_DEVIATION = 0.3


class UsageError(Exception):
    """The command line cannot be used; the text says which flag and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """The settings of one simulator; times in seconds, ``failure_injection_rate`` in percent."""

    model: str
    served_model_name: tuple[str, ...] = ()
    port: int = 8000
    mode: str = "random"
    seed: int | None = None
    max_model_len: int = 1024
    max_num_seqs: int = 5
    max_waiting_queue_length: int = 1000
    time_to_first_token: float = 0.0
    time_to_first_token_std_dev: float = 0.0
    inter_token_latency: float = 0.0
    inter_token_latency_std_dev: float = 0.0
    startup_duration: float = 0.0
    failure_injection_rate: int = 0
    failure_types: tuple[str, ...] = ()
    enable_request_id_headers: bool = False
    force_dummy_tokenizer: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The model names that requests may use."""
        return self.served_model_name or (self.model,)


def _duration(text: str) -> float:
    # A bare number means milliseconds: upstream calls it deprecated and still takes it.
    return int(text) / 1000 if text.isdigit() else durations.seconds(text)


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def _words(*values: str) -> tuple[str, ...]:
    return tuple(value for value in values if value.strip())


_IMPLEMENTED: dict[str, Callable[..., Any]] = {
    "model": str,
    "served-model-name": _words,
    "port": int,
    "mode": str,
    "seed": int,
    "max-model-len": int,
    "max-num-seqs": int,
    "max-waiting-queue-length": int,
    "time-to-first-token": _duration,
    "time-to-first-token-std-dev": _duration,
    "inter-token-latency": _duration,
    "inter-token-latency-std-dev": _duration,
    "startup-duration": _duration,
    "failure-injection-rate": int,
    "failure-types": _words,
    "enable-request-id-headers": _boolean,
    "force-dummy-tokenizer": _boolean,
}
_WITHOUT_EFFECT: dict[str, Callable[..., Any]] = {
    # Upstream takes these and ignores them too, or they only change what it logs.
    "enforce-eager": _boolean,
    "no-enforce-eager": _boolean,
    "enable-prefix-caching": _boolean,
    "no-enable-prefix-caching": _boolean,
    "tensor-parallel-size": str,
    "mm-processor-kwargs": str,
    "ec-transfer-config": str,
    "log-http": _boolean,
    "v": str,
    "vmodule": str,
}
_NOT_IMPLEMENTED = """
    add_dir_header alsologtostderr block-size config data-parallel-rank data-parallel-size dataset-in-memory
    dataset-path dataset-table-name dataset-url default-embedding-dimensions enable-kvcache enable-sleep-mode
    event-batch-size fake-metrics fake-metrics-refresh-interval global-cache-hit-threshold hash-seed
    image-emission-rate kv-cache-size kv-cache-transfer-latency kv-cache-transfer-latency-std-dev
    kv-cache-transfer-time-per-token kv-cache-transfer-time-std-dev kv-events-replay-endpoint
    kv-events-replay-queue-size latency-calculator log_backtrace_at log_dir log_file log_file_max_size logtostderr
    lora-modules max-cpu-loras max-loras max-request-body-size-mb max-tool-call-array-param-length
    max-tool-call-integer-param max-tool-call-number-param min-tool-call-array-param-length
    min-tool-call-integer-param min-tool-call-number-param mm-encoder-only mm-render-timeout no-enable-sleep-mode
    no-mm-encoder-only no-omni object-tool-call-not-required-field-probability omni one_output prefill-overhead
    prefill-time-per-token prefill-time-std-dev render-timeout render-url self-signed-certs skip-tool-validation
    skip_headers skip_log_headers ssl-certfile ssl-keyfile stderrthreshold strict time-factor-under-load
    time-to-generate-image time-to-generate-image-std-dev tokenizers-cache-dir tool-call-extra-call-probability
    tool-call-not-required-param-probability uds-socket-path use-vllm-map-event-format zmq-endpoint
    zmq-max-connect-attempts
"""
"""Further flags of upstream."""


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the command line; SIM_MODEL stands in for a missing --model. Raises UsageError."""
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            raise UsageError(f"{word!r} is no flag; a flag and its value are written --flag value or --flag=value")
        name, equals, value = word.lstrip("-").partition("=")
        kind = _kind(name, word)
        given = [value] if equals else _values(kind, name, rest)
        if name in _IMPLEMENTED:
            values[name.replace("-", "_")] = _convert(kind, name, given)
    values.setdefault("model", environment.get("SIM_MODEL", ""))
    settings = Settings(**values)
    _check(settings)
    return settings


def _kind(name: str, word: str) -> Callable[..., Any]:
    kinds = _IMPLEMENTED | _WITHOUT_EFFECT
    if name in kinds and (word.startswith("--") or len(name) == 1):
        return kinds[name]
    if name in _NOT_IMPLEMENTED.split():
        raise UsageError(
            f"--{name} is a flag of llm-d-inference-sim which the sandbox's simulator does not implement;"
            " it implements: " + ", ".join(f"--{flag}" for flag in _IMPLEMENTED)
        )
    raise UsageError(f"unknown flag: {word.partition('=')[0]}")


def _values(kind: Callable[..., Any], name: str, rest: list[str]) -> list[str]:
    """Take the values that follow a flag out of ``rest``."""
    if kind is _boolean:
        return ["true"]
    if kind is _words:
        taken = []
        while rest and not rest[0].startswith("--"):
            taken.append(rest.pop(0))
        return taken
    if not rest:
        raise UsageError(f"flag needs a value: --{name}")
    return [rest.pop(0)]


def _convert(kind: Callable[..., Any], name: str, given: list[str]) -> Any:
    try:
        return kind(*given)
    except ValueError as error:
        hint = f"{given[0]!r} is no whole number" if kind is int else str(error)
        raise UsageError(f"--{name}: {hint}") from None


def _check(settings: Settings) -> None:
    if not settings.model:
        raise UsageError("--model is missing: name the model to stand for (or set SIM_MODEL)")
    if "/" in settings.model and not settings.force_dummy_tokenizer:
        raise UsageError(
            f"--model {settings.model} looks like a model of Hugging Face: the real simulator would want its tokenizer,"
            " over the network; add --force-dummy-tokenizer"
        )
    _one_of("mode", (settings.mode,), _MODES)
    _one_of("failure-types", settings.failure_types, FAILURE_TYPES)
    _between("port", settings.port, 1, 65535)
    _between("failure-injection-rate", settings.failure_injection_rate, 0, 100)
    for name in ("max-model-len", "max-num-seqs", "max-waiting-queue-length"):
        _between(name, getattr(settings, name.replace("-", "_")), 1, None)
    for name in ("time-to-first-token", "inter-token-latency"):
        mean = getattr(settings, name.replace("-", "_"))
        if getattr(settings, f"{name}-std-dev".replace("-", "_")) > _MOST_DEVIATION * mean:
            raise UsageError(f"--{name}-std-dev may be at most {_MOST_DEVIATION:.0%} of --{name}")


def _one_of(name: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    for value in given:
        if value not in allowed:
            raise UsageError(f"--{name}: {value!r} is not allowed; allowed: {', '.join(allowed)}")


def _between(name: str, value: int, least: int, most: int | None) -> None:
    if value < least or (most is not None and value > most):
        limits = f"from {least} to {most}" if most is not None else f"from {least} up"
        raise UsageError(f"--{name}: {value} is not allowed; allowed: {limits}")

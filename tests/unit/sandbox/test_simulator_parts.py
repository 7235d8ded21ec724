# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of the stand-in simulator: command line, texts, failures."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.simulator import failures, text
from sandbox.simulator.settings import FAILURE_TYPES, Settings, UsageError, parse


class TestCommandLine:
    def test_both_spellings_and_go_durations(self) -> None:
        arguments = (
            "--model m --port=8080 --time-to-first-token 1.5s --inter-token-latency=20 --startup-duration 1m -v=4"
        )
        settings = parse(arguments.split(), {})
        assert settings == Settings(
            model="m", port=8080, time_to_first_token=1.5, inter_token_latency=0.02, startup_duration=60
        )

    def test_lists_end_at_the_next_flag(self) -> None:
        names = ["--served-model-name", "a", "b"]
        settings = parse([*names, "--failure-types", "rate_limit", "server_error", "--model", "m"], {})
        assert settings.names == ("a", "b")
        assert settings.failure_types == ("rate_limit", "server_error")
        assert parse(["--model=m", "--served-model-name=a"], {}).names == ("a",)
        assert parse(["--model=m"], {}).names == ("m",)

    def test_booleans(self) -> None:
        assert parse(["--model=m", "--enable-request-id-headers"], {}).enable_request_id_headers
        assert not parse(["--model=m", "--enable-request-id-headers=false"], {}).enable_request_id_headers

    def test_the_model_may_come_from_the_environment(self) -> None:
        assert parse([], {"SIM_MODEL": "env"}).model == "env"
        assert parse(["--model=flag"], {"SIM_MODEL": "env"}).model == "flag"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ("", "--model is missing"),
            ("--model m --loras 3", "unknown flag: --loras"),
            ("--model m --enable-kvcache", "--enable-kvcache is a flag of llm-d-inference-sim which"),
            ("--model m --config=c.yaml", "--config is a flag of llm-d-inference-sim which"),
            ("--model m -model x", "unknown flag: -model"),
            ("--model m stray", "'stray' is no flag"),
            ("--model", "flag needs a value: --model"),
            ("--model m --port http", "--port: 'http' is no whole number"),
            ("--model m --port 0", "--port: 0 is not allowed; allowed: from 1 to 65535"),
            ("--model m --mode chat", "--mode: 'chat' is not allowed; allowed: random, echo"),
            ("--model m --time-to-first-token 1x", "--time-to-first-token: '1x' is no duration"),
            ("--model m --enable-request-id-headers=maybe", "'maybe' is neither true nor false"),
            ("--model m --failure-injection-rate 101", "allowed: from 0 to 100"),
            ("--model m --failure-types teapot", "'teapot' is not allowed; allowed: rate_limit"),
            ("--model m --inter-token-latency 10ms --inter-token-latency-std-dev 4ms", "at most 30%"),
            ("--model Qwen/Qwen3-0.6B", "add --force-dummy-tokenizer"),
        ],
    )
    def test_what_is_refused(self, arguments: str, words: str) -> None:
        with pytest.raises(UsageError) as error:
            parse(arguments.split(), {})
        assert words in str(error.value)

    def test_a_hugging_face_name_with_the_dummy_tokenizer(self) -> None:
        assert parse(["--model=Qwen/Qwen3-0.6B", "--force-dummy-tokenizer"], {}).model == "Qwen/Qwen3-0.6B"


class TestText:
    @given(st.text())
    def test_tokens_are_the_text_cut_in_pieces(self, given_text: str) -> None:
        assert "".join(text.tokenize(given_text)) == given_text

    @pytest.mark.parametrize(
        ("given_text", "count"), [("", 0), ("Hello, you!", 4), ("a  b\n", 2), ("don't", 3), (" ", 1), ("3.14", 3)]
    )
    def test_counts(self, given_text: str, count: int) -> None:
        assert len(text.tokenize(given_text)) == count

    @given(st.integers(), st.integers(1, 300), st.booleans())
    def test_rambling_keeps_to_its_limit_and_says_why_it_ended(self, seed: int, limit: int, full: bool) -> None:
        tokens, reason = text.ramble(random.Random(seed), limit, to_the_limit=full)
        assert 1 <= len(tokens) <= limit
        assert reason == ("length" if len(tokens) == limit else "stop")
        assert len(text.tokenize("".join(tokens))) == len(tokens)
        if full:
            assert len(tokens) == limit

    def test_echo(self) -> None:
        assert text.echo("a b c", 3) == (["a", " b", " c"], "stop")
        assert text.echo("a b c", 2) == (["a", " b"], "length")


class TestFailures:
    def test_on_request(self) -> None:
        assert failures.requested(None) is None
        asked = failures.requested("503")
        assert asked is not None
        assert asked.status == 503
        for nonsense in ("x", "200", "600", ""):
            refused = failures.requested(nonsense)
            assert refused is not None
            assert refused.status == 400

    def test_at_random(self) -> None:
        choice = random.Random(1)
        assert not any(failures.injected(choice, 0, (), "m") for _ in range(100))
        count = sum(failures.injected(choice, 30, (), "m") is not None for _ in range(1000))
        assert 250 < count < 350
        seen = Counter(failure.status for _ in range(600) if (failure := failures.injected(choice, 100, (), "m")))
        assert set(seen) == {400, 401, 404, 429, 503}
        assert {f.status for _ in range(50) if (f := failures.injected(choice, 100, ["rate_limit"], "m"))} == {429}
        for kind in FAILURE_TYPES:
            assert failures.injected(choice, 100, [kind], "m") is not None

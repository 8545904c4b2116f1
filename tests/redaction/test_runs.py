"""Random runs are hidden without a name; ids, digests and public keys stay."""

from __future__ import annotations

import pytest

from langgraph_runner.redaction import DEFAULT_SANITIZER
from langgraph_runner.redaction.shape_table import MARKED, PREFIXED

pytestmark = pytest.mark.req("N-20")

RANDOM = "q7Rk2" + "ZtW9xLb4HnV8cYd3Mf"
LOWER = "q7rk2" + "ztw9xlb4hnv8cyd3mf6ps5gj1"


def test_the_table_of_shapes_does_not_grow():
    """A format that the table does not list is found by its randomness, so no row is added."""
    assert len(PREFIXED) + len(MARKED) == 187


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (f"refused {RANDOM} today", "refused [REDACTED] today"),
        (f"first\\n{RANDOM}\\nlast", "first\\n[REDACTED]\\nlast"),
        (f"a=%22{RANDOM}%22", "a=%22[REDACTED]%22"),
        (f"refused acme_pat_{RANDOM}", "refused [REDACTED]"),
        (f"refused zq4.{RANDOM}.x9f3k2", "refused [REDACTED]"),
        (f"refused {LOWER}", "refused [REDACTED]"),
        (f"refused {LOWER.upper()}", "refused [REDACTED]"),
        (f"https://x.com/a?t={RANDOM}", "https://x.com/a?t=[REDACTED]"),
    ],
)
def test_a_random_run_is_hidden(raw, clean):
    """Without a name, in each place where a text can contain it."""
    assert DEFAULT_SANITIZER.text(raw) == clean


@pytest.mark.parametrize(
    "raw",
    [
        f"request_id: {RANDOM}",
        f"req_{RANDOM} failed",
        f'ETag: W/"{RANDOM}"',
        f"integrity sha512-{RANDOM}==",
        f"https://docs.example.com/d/{RANDOM}/edit",
        f"-----BEGIN CERTIFICATE-----\n{RANDOM}\n-----END CERTIFICATE-----",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ" + RANDOM,
        "0x" + "52908400098527886E0F7030069857D2E4169EE7" + " has no balance",
        "OrderServiceImplIntegrationTest2WithPostgreSQL16 failed",
        "numpy-2.1.3-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "data:image/png;base64,iVBORw0KGgo" + RANDOM,
        "SGVsbG8sIHRoaXMgaXMgYSBub3RlLg== was sent",
    ],
)
def test_a_public_run_stays(raw):
    """Ids, entity tags, integrity hashes, certificates, public keys, names and readable base64 stay."""
    assert DEFAULT_SANITIZER.text(raw) == raw


def test_runs_of_a_long_text_are_hidden_one_by_one():
    """More runs than are searched for one by one are found by one pattern."""
    clean = DEFAULT_SANITIZER.text(" ".join(f"{RANDOM}{number}x" for number in range(40)))
    assert clean == " ".join(["[REDACTED]"] * 40)

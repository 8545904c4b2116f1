"""Values under the names of secrets: in tables, and in the parameters of statements."""

from __future__ import annotations

import pytest

from langgraph_runner.redaction import DEFAULT_SANITIZER

pytestmark = pytest.mark.req("N-20")

WORD, OTHER = "hunter" + "2x", "winter" + "9q"
STATEMENT = "INSERT INTO u (name, password) VALUES"
UPDATE = "UPDATE u SET password"


@pytest.mark.parametrize(
    "template",
    [
        "user,password\nbob,{}\nal,{}\n",
        "| user | password |\n|------|----------|\n| bob  | {} |\n| al   | {} |",
        "user    password\n------  ----------\nbob     {}\nal      {}",
        "  user  password\n0  bob  {}\n1   al  {}",
        "NAME   TOKEN     AGE\nbob    {}  3d\nal     {}  4d",
        f"[SQL: {STATEMENT} (?, ?)]\n[parameters: [('bob', '{{}}'), ('al', '{{}}')]]",
        f"b'[SQL: {STATEMENT} (?, ?)]\\n[parameters: [(\\'bob\\', \\'{{}}\\'), (\\'al\\', \\'{{}}\\')]]'",
        f"[SQL: {STATEMENT} (?, ?)]\n[parameters: [(Decimal('3'), '{{}}'), (date(2026, 1, 2), '{{}}')]]",
        (
            f"[SQL: {STATEMENT} (?, ?)]\n[parameters: [('bob', '{{}}')"
            "  ... displaying 10 of 200 total bound parameter sets ...  ('al', '{}')]]"
        ),
        (
            f"LOG:  execute <unnamed>: {STATEMENT} ($1, $2), ($3, $4)\nDETAIL:  parameters: $1 = 'bob', $2 = '{{}}'\n"
            f"LOG:  execute <unnamed>: {UPDATE} = $1 WHERE id = $2\nDETAIL:  Parameters: $1 = '{{}}', $2 = '7'"
        ),
    ],
    ids=[
        "csv",
        "ruled",
        "aligned left",
        "aligned right",
        "kubectl",
        "executemany",
        "quoted again",
        "calls",
        "cut executemany",
        "postgresql",
    ],
)
def test_each_row_loses_its_secret(template):
    """The name of the column decides; the other cells stay."""
    assert DEFAULT_SANITIZER.text(template.format(WORD, OTHER)) == template.format("[REDACTED]", "[REDACTED]")


def test_a_table_may_be_long_and_have_several_secret_columns():
    """All rows are read, for each column."""
    rows = "".join(f"u{number},{WORD}{number},{OTHER}{number}\n" for number in range(50))
    clean = DEFAULT_SANITIZER.text(f"user,password,token\n{rows}")
    assert clean == "user,password,token\n" + "".join(
        f"u{number},[REDACTED],[REDACTED]\n" for number in range(50)
    )


@pytest.mark.parametrize("following", ["last line", "x, y z", ""])
def test_a_line_after_a_sentence_does_not_make_it_a_table(following):
    """A sentence with a comma is read as a sentence, whatever follows it."""
    clean = DEFAULT_SANITIZER.text(f"username bob, password {WORD}\n{following}")
    assert clean == f"username bob, password [REDACTED]\n{following}"


@pytest.mark.parametrize(
    "raw",
    [
        "user  name     age\n0     bob      31",
        "| token | count |\n|-------|-------|\n| the   | 17    |",
        "token  count\nthe       17",
        "[SQL: SELECT id FROM u WHERE name = ?]\n[parameters: [('bob',), ('al',)]]",
        "DETAIL:  parameters: $1 = 'bob'",
    ],
)
def test_other_columns_stay(raw):
    """Columns without the name of a secret, and words and counts under `token`, stay."""
    assert DEFAULT_SANITIZER.text(raw) == raw


def test_base64_after_an_equals_sign_is_decoded():
    """A base64 text with a secret is hidden, also as the value of a field that is not one."""
    assert DEFAULT_SANITIZER.text("a=cGFzc3dvcmQ9aHVudGVyMng7IHVzZXI9Ym9i") == "a=[REDACTED]"

"""What the sanitizer hides, and what it leaves unchanged."""

from __future__ import annotations

import json

import pytest

from benchmarks.sanitizer_benign import SENTENCES
from benchmarks.sanitizer_corpus import changed_benign, measure_recall, sample_of
from benchmarks.sanitizer_kinds import KINDS
from benchmarks.sanitizer_shapes import HELD_OUT, TUNED
from langgraph_runner.redaction import DEFAULT_SANITIZER

pytestmark = pytest.mark.req("N-20")

WORD = "hunter" + "2x"
MACHINE = "Zq8" + "fK2mW9" + "pL4vX7" + "tB1nR6"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (f"password is {WORD}", "password is [REDACTED]"),
        (f"password={WORD}", "password=[REDACTED]"),
        (f"using password {WORD} for bob", "using password [REDACTED] for bob"),
        (f'{{"api_key": "{MACHINE}", "n": 1}}', '{"api_key": "[REDACTED]", "n": 1}'),
        (f'{{\\"api_key\\": \\"{MACHINE}\\"}}', '{\\"api_key\\": \\"[REDACTED]\\"}'),
        (f"{{'token': '{MACHINE}'}}", "{'token': '[REDACTED]'}"),
        (f"SecretThing(password='{WORD}')", "SecretThing(password='[REDACTED]')"),
        (f"{{b'password': b'{WORD}'}}", "{b'password': b'[REDACTED]'}"),
        (f"Authorization: Bearer {MACHINE}", "Authorization: Bearer [REDACTED]"),
        (f"Authorization: Basic {MACHINE}==", "Authorization: Basic [REDACTED]"),
        (f"Proxy-Authorization: Token {MACHINE}", "Proxy-Authorization: Token [REDACTED]"),
        (f"[('x-api-key', '{MACHINE}')]", "[('x-api-key', '[REDACTED]')]"),
        (f"Set-Cookie: sid={MACHINE}; Path=/", "Set-Cookie: [REDACTED]"),
        (f"postgres://bob:{WORD}@db:5432/x", "postgres://bob:[REDACTED]@db:5432/x"),
        (f"mongodb+srv://bob:p@{WORD}@db/x", "mongodb+srv://bob:[REDACTED]@db/x"),
        (f"bob:{WORD}@tcp(db:3306)/x", "bob:[REDACTED]@tcp(db:3306)/x"),
        (f"host=db password={WORD} user=bob", "host=db password=[REDACTED] user=bob"),
        (f"UID=sa;PWD={WORD};Encrypt=yes", "UID=sa;PWD=[REDACTED];Encrypt=yes"),
        (f"PWD={{{WORD};x}};UID=sa", "PWD={[REDACTED]};UID=sa"),
        (f"AccountKey={MACHINE}==;X=y", "AccountKey=[REDACTED];X=y"),
        (f"https://x.com/?api_key={MACHINE}&n=1", "https://x.com/?api_key=[REDACTED]&n=1"),
        (f"https://x.com/?sig={MACHINE}&n=1", "https://x.com/?sig=[REDACTED]&n=1"),
        (f"<password>{WORD}</password>", "<password>[REDACTED]</password>"),
        (f'<db password="{WORD}"/>', '<db password="[REDACTED]"/>'),
        (f"tool --password {WORD} -v", "tool --password [REDACTED] -v"),
        (f"['tool', '--token', '{MACHINE}']", "['tool', '--token', '[REDACTED]']"),
        (f"mysql -u root -p{WORD} shop", "mysql -u root -p[REDACTED] shop"),
        (f"curl -u bob:{WORD} https://x.com", "curl -u bob:[REDACTED] https://x.com"),
        (f'export FOO_TOKEN="{MACHINE}"', 'export FOO_TOKEN="[REDACTED]"'),
        (f"a: 1\npassword: {WORD}\nb: 2", "a: 1\npassword: [REDACTED]\nb: 2"),
        (f"password: |\n  {WORD}\nb: 2", "password: |\n  [REDACTED]\nb: 2"),
        (f"Invalid API key: {MACHINE}", "Invalid API key: [REDACTED]"),
        (f"CREATE USER bob IDENTIFIED BY '{WORD}'", "CREATE USER bob IDENTIFIED BY '[REDACTED]'"),
        (
            f"INSERT INTO u (n, password) VALUES ('b', '{WORD}')",  # noqa: S608 - never run
            "INSERT INTO u (n, password) VALUES ('b', '[REDACTED]')",
        ),
        (f"auth=('bob', '{WORD}')", "auth=('bob', '[REDACTED]')"),
        (f"user,password\nbob,{WORD}\n", "user,password\nbob,[REDACTED]\n"),
        (f"body=%7B%22token%22%3A%22{MACHINE}%22%7D", "body=%7B%22token%22%3A%22[REDACTED]%22%7D"),
    ],
)
def test_the_value_is_hidden_and_its_name_stays(raw, clean):
    """In each notation the secret is hidden, and nothing else."""
    assert DEFAULT_SANITIZER.text(raw) == clean


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_key_in_json_in_json_is_hidden(kind):
    """Every kind of secret is found under two layers of escaping."""
    sample = sample_of(kind)
    clean = DEFAULT_SANITIZER.text(json.dumps({"body": json.dumps({kind.key: sample.value})}))
    assert not [secret for secret in sample.secrets if secret in clean]


@pytest.mark.parametrize("raw", SENTENCES)
def test_benign_sentences_stay(raw):
    """Prose about tokens and passwords, identifiers and plain URLs come back unchanged."""
    assert DEFAULT_SANITIZER.text(raw) == raw


def test_recall_on_tuned_shapes():
    """At least 99 % of the corpus's secrets are hidden, without a fragment of eight characters."""
    recall = measure_recall(TUNED)
    assert recall.share >= 0.99, recall.missed[:3]


def test_recall_on_held_out_shapes():
    """Most secrets are hidden in forms of text that no pattern was written for, too."""
    assert measure_recall(HELD_OUT).share >= 0.9


def test_no_benign_text_of_the_corpus_changes():
    """No benign text is changed."""
    total, changed = changed_benign(rounds=10)
    assert total > 300
    assert changed == []


def test_a_truncated_private_key_is_hidden():
    """A key block without its END line is hidden, and the prose after it stays."""
    body = "MIIEvQIBADANBgkqhkiG9w0BAQ" + "EFAASCBKcwggSjAgEAAoIBAQC7"
    clean = DEFAULT_SANITIZER.text(f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\n... was refused")
    assert body[:8] not in clean
    assert "was refused" in clean


def test_the_tail_of_a_private_key_is_hidden():
    """A key block without its BEGIN line is hidden."""
    body = "MIIEvQIBADANBgkqhkiG9w0BAQ" + "EFAASCBKcwggSjAgEAAoIBAQC7"
    clean = DEFAULT_SANITIZER.text(f"could not parse\n{body}\n{body}\n-----END RSA PRIVATE KEY-----\nbye")
    assert clean == "could not parse\n[REDACTED]\nbye"


def test_a_refused_value_in_a_validation_error_is_hidden():
    """The refused value that pydantic quotes is hidden, when the field is a secret."""
    clean = DEFAULT_SANITIZER.text(
        "1 validation error for Login\npassword\n  String too short "
        f"[type=string_too_short, input_value='{WORD}', input_type=str]"
    )
    assert WORD not in clean
    assert "type=string_too_short" in clean


INSERT = "INSERT INTO users"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (  # Row after row, and a statement after a statement.
            f"{INSERT} (n, pw) VALUES ('b', '{WORD}'), ('c', 'it''s'); {INSERT} (jwt) VALUES ('{MACHINE}')",
            f"{INSERT} (n, pw) VALUES ('b', '[REDACTED]'), ('c', '[REDACTED]'); {INSERT} (jwt) VALUES ('[REDACTED]')",
        ),
        (  # Fewer values than columns.
            f"{INSERT} (password, name, token) VALUES ('{WORD}')",
            f"{INSERT} (password, name, token) VALUES ('[REDACTED]')",
        ),
        (  # A column whose name says little hides only what looks random.
            f"{INSERT} (name, session_id) VALUES ('b', '{MACHINE}'), ('c', 'morning')",
            f"{INSERT} (name, session_id) VALUES ('b', '[REDACTED]'), ('c', 'morning')",
        ),
        (f"{INSERT} (token) VALUES ('17'), ('null')", f"{INSERT} (token) VALUES ('17'), ('null')"),
        (INSERT + " TABLE passwords", INSERT + " TABLE passwords"),
    ],
)
def test_inserted_values_are_hidden_by_their_columns(raw, clean):
    """The name of the column decides about a value in an SQL statement."""
    assert DEFAULT_SANITIZER.text(raw) == clean


def test_all_rows_of_an_insert_are_read():
    """However many rows a statement has."""
    rows = ", ".join(f"('u', '{WORD}')" for _ in range(300))
    clean = DEFAULT_SANITIZER.text(f"{INSERT} (name, password) VALUES {rows}")
    assert clean.count("[REDACTED]") == 300


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (f"token=&quot;{MACHINE}&quot; n=1", "token=&quot;[REDACTED]&quot; n=1"),
        (f"password=&quot;{WORD} zebra\nn=1", "password=&quot;[REDACTED]\nn=1"),
        (f'{{"password": "{WORD}\\"{WORD}", "n": 1}}', '{"password": "[REDACTED]", "n": 1}'),
        (f'password="{WORD} zebra\nn=1', 'password="[REDACTED]\nn=1'),
    ],
)
def test_a_quoted_value_ends_with_its_own_quote(raw, clean):
    """An escaped quote belongs to the value; a value that is never closed ends with its line."""
    assert DEFAULT_SANITIZER.text(raw) == clean


def test_what_follows_a_hidden_signature_stays():
    """If a text is sanitized twice, a marker and the punctuation after it are not treated as a signature."""
    raw = f"{{&quot;url&quot;: &quot;https://x.com/f?sig={MACHINE}{MACHINE}&quot;, &quot;n&quot;: 3}}"
    clean = raw.replace(MACHINE + MACHINE, "[REDACTED]").replace("[REDACTED]&quot", "[REDACTED]")
    assert DEFAULT_SANITIZER.text(raw) == clean


def test_a_text_with_many_encoded_lines_is_decoded_as_one():
    """Each line keeps its codes, and each value is hidden in its place."""
    line = "%7B%22n%22%3A%201%2C%20%22password%22%3A%20%22{}%22%7D"
    raw, clean = (
        "\n".join([line.format(value), "plain"] * 4 + [line.format(value)]) for value in (WORD, "[REDACTED]")
    )
    assert DEFAULT_SANITIZER.text(raw) == clean

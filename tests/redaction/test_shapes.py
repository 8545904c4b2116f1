"""Keys that are known by their own shape: every row of the table, and independent examples."""

from __future__ import annotations

import random
import re
import string

import pytest

from benchmarks.sanitizer_corpus import survives
from benchmarks.sanitizer_unseen import measure
from benchmarks.sanitizer_unseen_secrets import CONTEXTS, filled
from langgraph_runner.redaction import DEFAULT_SANITIZER
from langgraph_runner.redaction.shape_table import MARKED, PREFIXED

pytestmark = [pytest.mark.req("N-20"), pytest.mark.no_cover]

PREFIXES = [(prefix, row) for row in PREFIXED for prefix in row.prefixes.split()]
# One example for each row of `MARKED`: text before, what must be hidden, text after.
MARKED_EXAMPLES = {
    "Bitwarden": "«0.{h8}-{h4}-{h4}-{h4}-{h12}.{a30}:{b24}»",
    "Telegram": "https://api.telegram.org/bot«{d10}:AA{s33}»/getMe",
    "Discord": "«M{a25}.G{a5}.{s38}»",
    "Vault, older": "«s.{a24}»",
    "Terraform Cloud": "«{a14}.atlasv1.{s67}»",
    "Azure AD": "«{a3}8Q~{s34}»",
    "Azure DevOps": "«{a76}AZDO{a4}»",
    "Azure services": "«{a52}JQQJ9{a27}»",
    "Mailchimp": "«{h32}-us21»",
    "Facebook app": "«{d16}|{s27}»",
    "MaxMind": "«{a6}_{a29}_mmk»",
    "New Relic ingest": "«{h36}FFFFNRAL»",
    "Twilio": "«SK{h32}»",
    "Airtable": "«pat{a14}.{h64}»",
    "Asana": "«2/{d16}/{d16}:{h32}»",
    "Braintree": "«access_token$production$" + "{l16}${h32}»",
    "OpenShift": "«sha256~{s43}»",
    "Mailgun signing": "«{h32}-{h8}-{h8}»",
    "AWS AppSync": "«da2-{l26}»",
    "Sentry DSN": "https://«{h32}»@o1.ingest.sentry.io/2",
    "Authress": "«sc_{l12}.{l5}.acc-{l16}.{a40}»",
    "Zapier webhook": "https://hooks.zapier.com/hooks/catch/«{d7}/{l7}»/",
    "Slack webhook": "https://hooks.slack.com/services/«T{u8}/B{u10}/{a24}»",
    "Discord webhook": "https://discord.com/api/webhooks/{d18}/«{s68}»",
    "Teams webhook": "https://acme.webhook.office.com/«webhookb2/{id}@{id}/IncomingWebhook/{h32}/{id}»",
    "AWS key pair": "AK" + "IA{u16} «{b40}»",
}


def _characters(alphabet):
    return [char for char in string.printable if re.fullmatch(f"[{alphabet}]", char)]


def _body(alphabet, length, rng):
    """Return random characters, of which the first ones alternate between letters and digits."""
    chars = [rng.choice(_characters(alphabet)) for _ in range(length)]
    chars[1:5] = [
        "7",
        "B" if "B" in _characters(alphabet) else "b",
        "3",
        "C" if "C" in _characters(alphabet) else "c",
    ]
    return "".join(chars)


@pytest.mark.parametrize(("prefix", "row"), PREFIXES, ids=[prefix for prefix, _ in PREFIXES])
def test_a_key_with_a_prefix_of_the_table_is_hidden(prefix, row):
    """The shortest key that the row describes is hidden, in a sentence and between escaped newlines."""
    rng = random.Random(prefix)  # noqa: S311 - repeatable made-up secrets
    for text in ("refused {} as key", "first\\n{}\\nlast", '"\\u200b{}"', "a=%2F{}"):
        body = _body(row.alphabet, row.length, rng)
        assert not survives(body, DEFAULT_SANITIZER.text(text.format(prefix + body)))


@pytest.mark.parametrize("row", MARKED, ids=lambda row: row.name)
def test_a_key_with_a_mark_of_the_table_is_hidden(row):
    """The example of each row is found in a sentence and after an escaped newline."""
    rng = random.Random(row.name)  # noqa: S311 - repeatable made-up secrets
    for text in ("refused {} as key", "first\\n{}\\nlast"):
        raw, secret = filled(text.format(MARKED_EXAMPLES[row.name]), rng)
        assert not survives(secret, DEFAULT_SANITIZER.text(raw))


@pytest.mark.parametrize("held_out", [False, True], ids=["open", "hold-out"])
def test_documented_keys_are_hidden(held_out):
    """At least 99.5 % of the examples that providers publish are hidden."""
    result = measure("known shapes", held_out=held_out)
    assert result.total > 300
    assert result.rate >= 0.995, [name for name, _, _ in result.wrong]


@pytest.mark.parametrize("prefix", sorted({prefix for prefix, _ in PREFIXES if prefix.islower()}))
def test_names_that_begin_like_a_key_stay(prefix):
    """An identifier of words stays, although it begins with the prefix of a key."""
    raw = f"module {prefix}dashboard_provisioning-config_loader-settings_v2 is missing"
    assert DEFAULT_SANITIZER.text(raw) == raw


@pytest.mark.parametrize(
    "scheme",
    [
        *(
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
            "GOOG4-RSA-SHA256",
            "OSS4-HMAC-SHA256",
            "ACS3-HMAC-SHA256",
        ),
        *("TC3-HMAC-SHA256", "SDK-HMAC-SHA256", "HMAC-SHA256", "Digest", "Hawk", "OAuth"),
    ],
)
def test_a_signed_request_loses_its_parameters(scheme):
    """Credential and signature are hidden after the algorithm of a cloud's signature scheme."""
    signature = "0f" * 32
    raw = f"> {scheme} Credential=ab12/20260102/eu/s3, SignedHeaders=host;x-date, Signature={signature}\n> Host: x"
    assert DEFAULT_SANITIZER.text(raw) == f"> {scheme} [REDACTED]\n> Host: x"


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_public_identifier_stays(context):
    """Keys that are public by design stay."""
    raw = context.replace("{v}", "pk_live_" + "51H8x" + "Kp2LmQ9rT4vB7n")
    assert DEFAULT_SANITIZER.text(raw) == raw

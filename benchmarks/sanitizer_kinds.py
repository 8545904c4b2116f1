"""Kinds of secrets for the sanitizer's corpus, generated at run time with a fixed seed.

This file contains no literal key: prefixes and bodies are joined at run time.
"""

from __future__ import annotations

import base64
import json
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
B64 = ALNUM + "+/"
URLSAFE = ALNUM + "-_"
PUNCTUATED = ALNUM + "!#$%*-_+=.?~^"


@dataclass(frozen=True)
class Sample:
    """A generated secret: `value` is the text as written, `secrets` are the parts that must be hidden."""

    value: str
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of secret, and the usual name of its variable."""

    name: str
    key: str
    make: Callable[[random.Random], Sample]


def _run(rng: random.Random, alphabet: str, length: int) -> str:
    """Return a random string with at least one digit, as nearly all keys of this length have one."""
    body = "".join(rng.choice(alphabet) for _ in range(length - 1))
    return body + rng.choice("23456789")


def _prefixed(prefix: str, alphabet: str, length: int, tail: str = "") -> Callable[[random.Random], Sample]:
    def make(rng: random.Random) -> Sample:
        body = _run(rng, alphabet, length)
        return Sample(prefix + body + tail, (body,))

    return make


def _bare(alphabet: str, length: int) -> Callable[[random.Random], Sample]:
    return _prefixed("", alphabet, length)


def _password(rng: random.Random) -> Sample:
    body = rng.choice(string.ascii_letters) + _run(rng, PUNCTUATED, rng.randint(8, 18))
    return Sample(body, (body,))


def _word_password(rng: random.Random) -> Sample:
    words = ("correct", "horse", "battery", "staple", "sunrise", "walnut", "copper", "harbour")
    body = "".join(word.title() for word in rng.sample(words, 2)) + str(rng.randint(10, 9999))
    return Sample(body, (body,))


def _jwt(rng: random.Random) -> Sample:
    def part(data: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    header = part({"alg": "HS256", "typ": "JWT"})
    claims = part({"sub": _run(rng, HEX, 12), "iat": rng.randint(1_600_000_000, 1_800_000_000)})
    signature = _run(rng, URLSAFE, 43)
    return Sample(f"{header}.{claims}.{signature}", (claims, signature))


def _pem(label: str, lines: int, *, closed: bool = True) -> Callable[[random.Random], Sample]:
    def make(rng: random.Random) -> Sample:
        body = [_run(rng, B64, 64) for _ in range(lines)]
        end = [f"-----END {label}-----"] if closed else []
        return Sample("\n".join([f"-----BEGIN {label}-----", *body, *end]), tuple(body))

    return make


def _dsn(scheme: str, host: str) -> Callable[[random.Random], Sample]:
    def make(rng: random.Random) -> Sample:
        body = _run(rng, ALNUM + "!$*-_.~", rng.randint(10, 20))
        return Sample(f"{scheme}://app:{body}@{host}", (body,))

    return make


def _azure_storage(rng: random.Random) -> Sample:
    body = _run(rng, B64, 86)
    value = (
        f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={body}==;EndpointSuffix=core.windows.net"
    )
    return Sample(value, (body,))


def _azure_sas(rng: random.Random) -> Sample:
    body = _run(rng, ALNUM, 43)
    return Sample(f"https://shop.blob.core.windows.net/c/f.csv?sv=2022-11-02&sp=r&sig={body}%3D", (body,))


def _slack_webhook(rng: random.Random) -> Sample:
    body = _run(rng, ALNUM, 24)
    where = f"T{_run(rng, UPPER, 10)}/B{_run(rng, UPPER, 10)}"
    return Sample("https://hooks.slack.com/" + f"services/{where}/{body}", (body,))


def _discord_webhook(rng: random.Random) -> Sample:
    body = _run(rng, URLSAFE, 68)
    return Sample("https://discord.com/api/" + f"webhooks/{rng.randint(10**17, 10**18)}/{body}", (body,))


def _discord_bot(rng: random.Random) -> Sample:
    head, tail = "M" + _run(rng, ALNUM, 25), _run(rng, URLSAFE, 38)
    return Sample(f"{head}.G{_run(rng, ALNUM, 5)}.{tail}", (head, tail))


def _telegram(rng: random.Random) -> Sample:
    body = "AA" + _run(rng, URLSAFE, 33)
    return Sample(f"{rng.randint(10**8, 10**10 - 1)}:{body}", (body,))


def _sendgrid(rng: random.Random) -> Sample:
    head, tail = _run(rng, ALNUM, 22), _run(rng, ALNUM, 43)
    return Sample(f"SG.{head}.{tail}", (head, tail))


def _presigned(rng: random.Random) -> Sample:
    body = _run(rng, HEX, 64)
    url = "https://shop.s3.amazonaws.com/report.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=300"
    return Sample(f"{url}&X-Amz-Signature={body}", (body,))


def _git_url(rng: random.Random) -> Sample:
    body = _run(rng, ALNUM, 36)
    return Sample("https://x-access-token:gh" + f"s_{body}@github.com/acme/shop.git", (body,))


KINDS: tuple[Kind, ...] = (
    Kind("password", "password", _password),
    Kind("password of words", "db_password", _word_password),
    Kind("client secret", "client_secret", _bare(ALNUM, 40)),
    Kind("signing secret (hex)", "signing_secret", _bare(HEX, 64)),
    Kind("access token", "access_token", _bare(URLSAFE, 48)),
    Kind("AWS access key id", "aws_access_key_id", _prefixed("AK" + "IA", UPPER, 16)),
    Kind("AWS temporary key id", "aws_access_key_id", _prefixed("AS" + "IA", UPPER, 16)),
    Kind("AWS secret key", "aws_secret_access_key", _bare(B64, 40)),
    Kind("AWS presigned URL", "download_url", _presigned),
    Kind("Google API key", "google_api_key", _prefixed("AI" + "za", URLSAFE, 35)),
    Kind("Google OAuth token", "google_token", _prefixed("ya" + "29.", URLSAFE, 90)),
    Kind("Google client secret", "google_client_secret", _prefixed("GOC" + "SPX-", URLSAFE, 28)),
    Kind("Azure storage", "azure_storage_connection_string", _azure_storage),
    Kind("Azure SAS URL", "blob_url", _azure_sas),
    Kind("OpenAI", "openai_api_key", _prefixed("sk" + "-", ALNUM, 48)),
    Kind("OpenAI project", "openai_api_key", _prefixed("sk" + "-proj-", URLSAFE, 120)),
    Kind("Anthropic", "anthropic_api_key", _prefixed("sk" + "-ant-api03-", URLSAFE, 93, "AA")),
    Kind("OpenRouter", "openrouter_api_key", _prefixed("sk" + "-or-v1-", HEX, 64)),
    Kind("LangSmith", "langsmith_api_key", _prefixed("ls" + "v2_pt_", HEX, 32)),
    Kind("Hugging Face", "hf_token", _prefixed("h" + "f_", ALNUM, 34)),
    Kind("Groq", "groq_api_key", _prefixed("gs" + "k_", ALNUM, 52)),
    Kind("xAI", "xai_api_key", _prefixed("xa" + "i-", ALNUM, 80)),
    Kind("Perplexity", "perplexity_api_key", _prefixed("ppl" + "x-", ALNUM, 48)),
    Kind("Replicate", "replicate_api_token", _prefixed("r" + "8_", ALNUM, 37)),
    Kind("Cohere", "cohere_api_key", _bare(ALNUM, 40)),
    Kind("Mistral", "mistral_api_key", _bare(ALNUM, 32)),
    Kind("Pinecone", "pinecone_api_key", _prefixed("pc" + "sk_", ALNUM + "_", 66)),
    Kind("Tavily", "tavily_api_key", _prefixed("tv" + "ly-dev-", ALNUM, 32)),
    Kind("GitHub personal", "github_token", _prefixed("gh" + "p_", ALNUM, 36)),
    Kind("GitHub fine-grained", "github_token", _prefixed("github" + "_pat_", ALNUM + "_", 82)),
    Kind("GitLab", "gitlab_token", _prefixed("gl" + "pat-", URLSAFE, 20)),
    Kind("Slack bot", "slack_bot_token", _prefixed("xo" + "xb-", LOWER + "-", 50)),
    Kind("Slack webhook", "slack_webhook_url", _slack_webhook),
    Kind("Discord bot", "discord_token", _discord_bot),
    Kind("Discord webhook", "discord_webhook_url", _discord_webhook),
    Kind("Telegram bot", "telegram_bot_token", _telegram),
    Kind("Stripe", "stripe_secret_key", _prefixed("sk" + "_live_", ALNUM, 24)),
    Kind("Stripe webhook", "stripe_webhook_secret", _prefixed("wh" + "sec_", ALNUM, 32)),
    Kind("Twilio", "twilio_auth_token", _bare(HEX, 32)),
    Kind("SendGrid", "sendgrid_api_key", _sendgrid),
    Kind("Mailgun", "mailgun_api_key", _prefixed("ke" + "y-", HEX, 32)),
    Kind("npm", "npm_token", _prefixed("np" + "m_", ALNUM, 36)),
    Kind("PyPI", "pypi_token", _prefixed("py" + "pi-AgEIcHlwaS5vcmc", URLSAFE, 140)),
    Kind("DigitalOcean", "do_token", _prefixed("do" + "p_v1_", HEX, 64)),
    Kind("Databricks", "databricks_token", _prefixed("da" + "pi", HEX, 32)),
    Kind("Vault", "vault_token", _prefixed("hv" + "s.", URLSAFE, 90)),
    Kind("Doppler", "doppler_token", _prefixed("dp" + ".pt.", ALNUM, 43)),
    Kind("Shopify", "shopify_access_token", _prefixed("sh" + "pat_", HEX, 32)),
    Kind("Square", "square_access_token", _prefixed("EA" + "AA", URLSAFE, 60)),
    Kind("Linear", "linear_api_key", _prefixed("li" + "n_api_", ALNUM, 40)),
    Kind("Notion", "notion_token", _prefixed("nt" + "n_", ALNUM, 46)),
    Kind("Grafana", "grafana_token", _prefixed("gl" + "sa_", ALNUM, 32)),
    Kind("age key", "age_key", _prefixed("AGE-SECRET" + "-KEY-1", UPPER, 58)),
    Kind("JWT", "id_token", _jwt),
    Kind("RSA private key", "private_key", _pem("RSA PRIVATE" + " KEY", 6)),
    Kind("unclosed private key", "private_key", _pem("PRIVATE" + " KEY", 4, closed=False)),
    Kind("SSH private key", "ssh_key", _pem("OPENSSH PRIVATE" + " KEY", 5)),
    Kind("PGP private key", "pgp_key", _pem("PGP PRIVATE" + " KEY BLOCK", 5)),
    Kind("Postgres URL", "database_url", _dsn("postgresql", "db.internal:5432/shop")),
    Kind("MySQL URL", "database_url", _dsn("mysql+pymysql", "db.internal/shop")),
    Kind("Redis URL", "redis_url", _dsn("redis", "cache.internal:6379/0")),
    Kind("MongoDB URL", "mongo_url", _dsn("mongodb+srv", "cluster0.example.net/shop")),
    Kind("AMQP URL", "broker_url", _dsn("amqps", "mq.internal//")),
    Kind("Git URL", "remote_url", _git_url),
)

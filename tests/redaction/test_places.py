"""Secrets by their place in a command or a call, and values that only refer to a secret."""

from __future__ import annotations

import pytest

from langgraph_runner.redaction import DEFAULT_SANITIZER

pytestmark = pytest.mark.req("N-20")

WORD = "hunter" + "2x"
WALLET = "zebra apple lamp ocean river stone"


@pytest.mark.parametrize(
    "template",
    [
        "net user bob {} /add",
        "cqlsh -u cassandra -p {} db1",
        "mongosh -u admin -p {} --host db",
        "ldapsearch -D cn=admin -w {} -b dc=x",
        "sqlcmd -S db -U sa -P {} -Q 'select 1'",
        "unzip -P {} out.zip",
        "7z x backup.7z -p{}",
        "snmpwalk -v3 -u bob -A {} host",
        "smbclient //srv/share -U bob%{}",
        "rabbitmqctl add_user bob {}",
        "htpasswd -b .htpasswd bob {}",
        "echo 'bob:{}' | chpasswd",
        "echo {} | passwd --stdin bob",
        "echo {} | docker login --password-stdin",
        "echo {} | sudo -S id",
        'jwt.encode(payload, "{}", algorithm="HS256")',
        'hmac.new(b"{}", body, "sha256")',
        "createHmac('sha256', '{}')",
        "credentials: bob / {}",
        "AUTH default {}",
        "**Password:** {}",
        "**Password**: {}",
        "<b>Password:</b> {}",
        "Password ........ {}",
        'HGETALL user:1\n1) "password"\n2) "{}"',
    ],
)
def test_a_secret_is_hidden_by_its_place(template):
    """The command, the call or the mark-up tells where the secret is; the rest stays."""
    assert DEFAULT_SANITIZER.text(template.format(WORD)) == template.format("[REDACTED]")


@pytest.mark.parametrize("name", ["recovery phrase: ", "Seed phrase is ", "mnemonic="])
def test_the_words_of_a_wallet_are_hidden(name):
    """All of them, not the first one only."""
    assert DEFAULT_SANITIZER.text(name + WALLET) == name + "[REDACTED]"


@pytest.mark.parametrize(
    "raw",
    [
        "'password': None,",
        '"secret": false,',
        "password = (known after apply)",
        "password = (sensitive value)",
        "password: $(cat db-password.txt)",
        "Password: !Ref DbPassword",
        "Password: !GetAtt Db.Password",
        "net user bob /delete",
        "echo hello | tee out.txt",
        "USER bob logged in",
    ],
)
def test_a_reference_stays(raw):
    """What refers to a secret, or has none, is not a secret."""
    assert DEFAULT_SANITIZER.text(raw) == raw

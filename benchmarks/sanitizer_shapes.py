"""Shapes of texts with a secret: each is a function from a name and a value to a text.

The patterns were written for the shapes in `TUNED`. Of `HELD_OUT`, 92.7 % were hidden before any tuning; the patterns
were improved for them since. The current hold-out is in `sanitizer_unseen`.
"""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable

    Shape = Callable[[str, str], str]


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.title() for part in rest)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _json(key: str, value: str) -> str:
    return json.dumps({"user": "bob", key: value, "retries": 3})


def _header_name(key: str) -> str:
    return "X-" + key.replace("_", "-").title()


def _xml(value: str) -> str:
    return html.escape(value, quote=True)


TUNED: dict[str, Shape] = {
    "prose": lambda k, v: f"Login failed: the {_words(k)} is {v}\nand the host did not answer",
    "prose, quoted": lambda k, v: f"Could not connect, {_words(k)} was '{v}' (attempt 2 of 3)",
    "prose, provided": lambda k, v: f"Error code: 401 - Incorrect {_words(k)} provided: {v}",
    "json": lambda k, v: f"bad request body: {_json(k, v)}",
    "json, compact": lambda k, v: json.dumps({"a": 1, _camel(k): v}, separators=(",", ":")),
    "json, escaped": lambda k, v: f"upstream said {json.dumps(_json(k, v))}",
    "json, twice escaped": lambda k, v: json.dumps({"body": json.dumps({"raw": _json(k, v)})}),
    "dict repr": lambda k, v: f"KeyError in { ({'user': 'bob', k: v, 'n': 1})!r}",
    "object repr": lambda k, v: f"cannot open Settings(user='bob', {k}={v!r}, timeout=3)",
    "bytes repr": lambda k, v: f"sent { ({k.encode(): v.encode()})!r} to server",
    "wrapped repr": lambda k, v: f"Config({k}=SecretThing(value={v!r}), debug=True)",
    "header line": lambda k, v: f"> POST /v1/x\n> {_header_name(k)}: {v}\n> Accept: */*",
    "bearer header": lambda _, v: f"> GET /v1/x\n> Authorization: Bearer {v}\n> Accept: */*",
    "header dict": lambda _, v: repr({"Accept": "*/*", "Authorization": f"Bearer {v}"}),
    "header tuples": lambda _, v: repr([("accept", "*/*"), ("authorization", f"Token {v}"), ("x", "y")]),
    "raw header tuples": lambda _, v: repr([(b"x-api-key", v.encode()), (b"host", b"example.com")]),
    "cookie": lambda _, v: f"Cookie: theme=dark; sessionid={quote(v)}; lang=en",
    "set-cookie dict": lambda _, v: repr({"Set-Cookie": f"auth={quote(v)}; Path=/; HttpOnly"}),
    "query": lambda k, v: f"GET https://api.example.com/v1/x?page=2&{k}={quote_plus(v)}&n=3 failed",
    "flag": lambda k, v: f"command 'tool --{k.replace('_', '-')} {v!r} --verbose' exited with 1",
    "flag=": lambda k, v: f"usage error near --{k.replace('_', '-')}={v}",
    "argv": lambda k, v: f"CalledProcessError: {['tool', '--' + k.replace('_', '-'), v, '-v']!r}",
    "env": lambda k, v: f"HOME=/root\n{k.upper()}={v}\nLANG=C.UTF-8",
    "export": lambda k, v: f'export {k.upper()}="{v}" && run',
    "environ": lambda k, v: f"environ({ ({'LANG': 'C', k.upper(): v})!r})",
    "yaml": lambda k, v: f"db:\n  host: localhost\n  {k}: {v}\n  port: 5432",
    "toml": lambda k, v: f"[db]\n{k} = {json.dumps(v)}\nport = 5432",
    "ini": lambda k, v: f"[db]\nhost = localhost\n{k} = {v}\nport = 5432",
    "xml": lambda k, v: f"<db><host>x</host><{k}>{_xml(v)}</{k}></db>",
    "xml attribute": lambda k, v: f'<db host="x" {k}="{_xml(v)}" port="1"/>',
    "log line": lambda k, v: f"2026-01-02T03:04:05Z WARN retry user=bob {k}={v} attempt=2",
    "client error": lambda k, v: (
        f"AuthenticationError: {{'error': {{'message': 'Invalid {_words(k)}: {v}'}}}}"
    ),
    "name and value": lambda k, v: json.dumps({"env": [{"name": k.upper(), "value": v}]}),
    "validation error": lambda k, v: (
        f"1 validation error for Login\n{k}\n  String should match pattern '^x$' "
        f"[type=string_pattern_mismatch, input_value={v!r}, input_type=str]"
    ),
    "assignment": lambda k, v: f"{k}: str = {v!r}  # set by deploy",
    "subscript": lambda k, v: f"os.environ[{k.upper()!r}] = {v!r}",
    # The first held-out set (94.2 % before any tuning); moved here when its failures were examined.
    "php print_r": lambda k, v: f"Array\n(\n    [host] => db\n    [{k}] => {v}\n    [port] => 5432\n)",
    "php var_dump": lambda k, v: f'["{k}"]=>\n  string({len(v)}) "{v}"\n  ["port"]=>\n  int(1)',
    "rust debug": lambda k, v: f"Config {{ host: Some({json.dumps('db')}), {k}: Some({json.dumps(v)}) }}",
    "go struct": lambda k, v: f"&{{Host:db {_camel(k)[:1].upper()}{_camel(k)[1:]}:{v} Port:5432}}",
    "ruby hash": lambda k, v: f'{{:host=>"db", :{k}=>{json.dumps(v)}}}',
    "markdown table": lambda k, v: f"| name | value |\n|---|---|\n| {k} | {v} |\n| port | 1 |",
    "csv": lambda k, v: f"host,{k},port\ndb,{v},5432",
    "json patch": lambda k, v: json.dumps([{"op": "replace", "path": f"/{k}", "value": v}]),
    "docker run": lambda k, v: f"docker run --rm -e {k.upper()}={v} -p 80:80 shop:1.2",
    "html input": lambda k, v: f'<input type="text" name="{k}" id="f1" value="{_xml(v)}">',
    "html-escaped json": lambda k, v: _xml(_json(k, v)),
    "url-encoded json": lambda k, v: f"GET /x?body={quote(_json(k, v))} HTTP/1.1",
    "multipart": lambda k, v: f'--b1\nContent-Disposition: form-data; name="{k}"\n\n{v}\n--b1--',
    "graphql": lambda k, v: f'mutation {{ login(user: "bob", {_camel(k)}: {json.dumps(v)}) {{ ok }} }}',
    "diff": lambda k, v: f"@@ -1 +1 @@\n-{k}: changeme\n+{k}: {v}\n host: db",
    "brackets": lambda k, v: f"login failed for user[bob] {k}[{v}]",
    # The second held-out set (94.5 % before tuning), moved here for the same reason.
    "sql insert": lambda k, v: f"[SQL: INSERT INTO users (name, {k}) VALUES ('bob', '{v}')]",  # noqa: S608 - a text to sanitize, never run
    "sql update": lambda k, v: f"[SQL: UPDATE users SET {k} = '{v}' WHERE id = 1]",  # noqa: S608 - a text to sanitize, never run
    "postgres detail": lambda k, v: f"DETAIL:  Key ({k})=({v}) already exists.",
    "terraform change": lambda k, v: f'  ~ {k} = "changeme-1" -> "{v}" # forces replacement',
    "jvm flag": lambda k, v: f"java -Xmx1g -Dapp.{k.replace('_', '.')}={v} -jar shop.jar exited with 1",
    "odbc": lambda _, v: f"DRIVER={{ODBC Driver 18}};SERVER=db;UID=sa;PWD={v};Encrypt=yes",
    "plist": lambda k, v: f"<dict><key>{k}</key><string>{_xml(v)}</string></dict>",
    "xml-rpc": lambda k, v: f"<member><name>{k}</name><value><string>{_xml(v)}</string></value></member>",
    "grpc metadata": lambda _, v: f"(_Metadatum(key='authorization', value={'Bearer ' + v!r}),)",
    "raw request": lambda k, v: repr(
        f"POST / HTTP/1.1\r\n{_header_name(k)}: {v}\r\nHost: x\r\n\r\n".encode()
    ),
    "env list": lambda k, v: json.dumps({"Env": ["PATH=/bin", f"{k.upper()}={v}", "LANG=C"]}),
    "yaml block": lambda k, v: f"db:\n  {k}: |\n    {v}\n  port: 5432",
    "value first": lambda k, v: f"'{v}' is not a valid {_words(k)}",
    "other language": lambda k, v: f"Anmeldung fehlgeschlagen: {_words(k)} lautet {v}",
    "boxed locals": lambda k, v: f"│ host = 'db' │\n│ {k} = {v!r} │\n│ port = 1 │",
    "build script": lambda k, v: f"credentials {{\n    username 'bob'\n    {k} '{v}'\n}}",
}

HELD_OUT: dict[str, Shape] = {
    "sql parameters": lambda k, v: f"[SQL: UPDATE users SET {k}=? WHERE id=?]\n[parameters: ({v!r}, 1)]",  # noqa: S608 - a text to sanitize, never run
    "kubectl describe": lambda k, v: (
        f"    Environment:\n      LANG:        C\n      {k.upper()}:  {v}\n    Mounts:"
    ),
    "perl dumper": lambda k, v: (
        f"$VAR1 = {{\n          'host' => 'db',\n          '{k}' => '{v}'\n        }};"
    ),
    "lisp alist": lambda k, v: f'((host . "db") ({k} . {json.dumps(v)}) (port . 5432))',
    "edn": lambda k, v: f'{{:host "db", :{k.replace("_", "-")} {json.dumps(v)}, :port 5432}}',
    "hcl object": lambda k, v: f'db = {{\n  host = "db"\n  {k} = {json.dumps(v)}\n}}',
    "swift enum": lambda k, v: f"Credential.{_camel(k)}({json.dumps(v)})",
    "keyring": lambda k, v: f"set_{k}('service', 'bob', {v!r}) raised OSError",
    "dotted path": lambda k, v: f"config.{k}={v}; config.host=db",
    "http2 trace": lambda k, v: f"[HTTP/2] [1] [{_header_name(k).lower()}: {v}]",
    "two-line prose": lambda k, v: f"The {_words(k)} in use:\n{v}\nis not accepted.",
    "email": lambda k, v: f"Hi Bob,\nyour new {_words(k)} is:\n\n    {v}\n\nBye",
}

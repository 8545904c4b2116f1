"""Benign texts for the independent check: ordinary messages, and texts that look like secrets but are not.

The slots are the same as in `sanitizer_unseen_secrets`. The name before each text decides whether it is held out.
"""

from __future__ import annotations

from typing import Final

_ORDINARY: Final = """
TypeError: unsupported operand type(s) for +: 'int' and 'str'
ValueError: not enough values to unpack (expected 3, got 2)
KeyError: 'user_id'
FileNotFoundError: [Errno 2] No such file or directory: 'data/input.csv'
ConnectionRefusedError: [Errno 111] Connection refused
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
httpx.ReadTimeout: timed out after 30.0 s
openai.RateLimitError: Error code: 429 - You exceeded your current quota, please check your plan
openai.BadRequestError: This model's maximum context length is 128000 tokens
anthropic.OverloadedError: Overloaded
Recursion limit of 25 reached without hitting a stop condition.
InvalidUpdateError: At key 'messages': Can receive only one value per step.
Expected dict, got ['a', 'b']
Node 'planner' did not return an update for channel 'plan'
sqlalchemy.exc.IntegrityError: (sqlite3.IntegrityError) UNIQUE constraint failed: users.email
psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "users_pkey"
relation "orders" does not exist at character 15
deadlock detected: process 4711 waits for ShareLock on transaction 1234
redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.
botocore.exceptions.NoCredentialsError: Unable to locate credentials
botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the GetObject operation
grpc StatusCode.UNAVAILABLE: failed to connect to all addresses
ssl.SSLCertVerificationError: certificate verify failed: unable to get local issuer certificate
requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://api.example.com/v2/items
pydantic_core.ValidationError: 1 validation error for Item
playwright: Timeout 30000ms exceeded while waiting for selector "#login"
subprocess.CalledProcessError: Command '['git', 'fetch', 'origin']' returned non-zero exit status 128.
fatal: not a git repository (or any of the parent directories): .git
CUDA out of memory. Tried to allocate 2.50 GiB (GPU 0; 23.69 GiB total capacity)
RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x768 and 512x10)
Worker 3 exited with code -9
retrying in 2.5 s (attempt 3 of 5)
The user asked for a summary of the meeting on 2026-03-04
Ordered 12 items for 349.90 EUR, invoice INV-2026-00417
Ticket JIRA-4711 was closed by alice
LangGraph step 7 took 1,234 ms in node 'fetch'
thread 'main' panicked at src/main.rs:42:13
panic: runtime error: index out of range [5] with length 3
NullPointerException at com.example.shop.OrderService.place(OrderService.java:87)
Segmentation fault (core dumped)
TypeError: Cannot read properties of undefined (reading 'map')
ENOENT: no such file or directory, open 'package.json'
npm ERR! code ERESOLVE
error[E0382]: borrow of moved value: `config`
undefined reference to `main'
kubectl: pods "api-7d9c6b5f4-x2k8p" not found
CrashLoopBackOff: back-off 5m0s restarting failed container
Temperature 0.7, top_p 0.95, seed 42
Coordinates 52.5200, 13.4050 are outside of the region
Call +1 555 0100 or write to support@example.com
Opening hours: Mon-Fri 9:00-17:00
See https://docs.example.com/errors/E1234#cause for help
Loaded 10,000 rows in 0.35 s from table events
Cannot parse '2026-13-45' as a date
Disk quota exceeded on volume data-01
HTTP/2 stream 5 was not closed cleanly: INTERNAL_ERROR (err 2)
Le serveur ne répond pas, réessayez plus tard
Der Vorgang wurde abgebrochen: Zeitüberschreitung nach 30 s
接続がタイムアウトしました
连接超时，请稍后重试
"""

_ALIKE: Final = """
code: environ|client = OpenAI(api_key=os.environ['OPENAI_API_KEY'])
code: environ get|api_key = os.environ.get("OPENAI_API_KEY")
code: getenv|token=os.getenv("GITHUB_TOKEN")
code: getpass|password = getpass.getpass()
code: getpass prompt|password = getpass.getpass("Password: ")
code: class|class Token(BaseModel):
code: class password|class PasswordField(CharField):
code: class secret|class Secret(Resource): pass
code: def|def verify_password(plain_password: str, hashed_password: str) -> bool:
code: def token|async def get_token(request: Request) -> Token | None:
code: attribute|connect(password=self.config.db.password)
code: settings|ChatOpenAI(api_key=settings.openai.api_key)
code: same name|login(username=username, password=password)
code: other name|create_user(password=hashed_password)
code: call|token = create_access_token(data={"sub": user.id})
code: call await|token = await self.auth.fetch_token(scope)
code: js env|const apiKey = process.env.OPENAI_API_KEY;
code: js import|import { getToken } from "next-auth/jwt";
code: java getenv|String token = System.getenv("API_TOKEN");
code: go env|token := os.Getenv("API_TOKEN")
code: rust env|let token = std::env::var("API_TOKEN")?;
code: ruby env|password: ENV["DB_PASSWORD"]
code: ruby fetch|password: ENV.fetch("DB_PASSWORD")
code: php env|'password' => env('DB_PASSWORD', ''),
code: secrets module|token = secrets.token_urlsafe(32)
code: pydantic|api_key: SecretStr = Field(alias="OPENAI_API_KEY")
code: typing|password: str | None = None
code: dataclass|token: Optional[str] = None
code: subscript|password = config["database"]["password"]
code: dict get|token = payload.get("access_token")
code: streamlit|api_key = st.secrets["OPENAI_API_KEY"]
code: sql column|password VARCHAR(255) NOT NULL
code: sql select|SELECT id, password_hash FROM users WHERE token = $1
code: shell var|curl -H "Authorization: Bearer $GITHUB_TOKEN" https://api.github.com
code: shell braces|export DB_PASSWORD="${DB_PASSWORD:-}"
code: github actions|token: ${{ secrets.GITHUB_TOKEN }}
code: helm|password: {{ .Values.db.password }}
code: jinja|password: "{{ vault_db_password }}"
code: terraform var|password = var.db_password
code: terraform data|password = data.aws_secretsmanager_secret_version.db.secret_string
code: terraform random|password = random_password.db.result
code: azure devops|password: $(DbPassword)
code: k8s ref|valueFrom: {secretKeyRef: {name: db-credentials, key: password}}
code: compose secret|POSTGRES_PASSWORD_FILE: /run/secrets/db_password
public key|-----BEGIN PUBLIC KEY-----\\n{b64x}\\n-----END PUBLIC KEY-----
certificate|-----BEGIN CERTIFICATE-----\\n{b64x}\\n-----END CERTIFICATE-----
certificate request|-----BEGIN CERTIFICATE REQUEST-----\\n{b64x}\\n-----END CERTIFICATE REQUEST-----
ssh public key|ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{b43} bob@host
ssh public key of a name|ssh_key: ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB{b80} bob@host
public key field|"public_key": "{b43}="
jwk public|{"kty":"EC","crv":"P-256","x":"{s43}","y":"{s43}","kid":"{a12}"}
publishable key|Stripe(pk_live_{a24})
publishable test key|stripe.publishable_key = "pk_test_{a24}"
vapid public|applicationServerKey: public key {s87}
fingerprint|SHA256:{b43} bob@host (ED25519)
host key|The ED25519 key fingerprint is SHA256:{b43}.
secret path|secret: prod/shop/db-password
secret arn|SecretId=arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbC12x
secret gcp|secret: projects/123456/secrets/db-password/versions/latest
secret azure|https://shop.vault.azure.net/secrets/db-password/4387e9f3d6e14c459867679a90fd0f79
secret vault|Error reading secret/data/app/db: permission denied
secret op|password: op://vault/database/password
secret ssm|parameter /prod/app/DB_PASSWORD not found
secret resolve|{{resolve:secretsmanager:prod/db:SecretString:password}}
kms key|kms_key_id: arn:aws:kms:eu-west-1:123456789012:key/{id}
iam role|role arn:aws:iam::123456789012:role/token-reader is not authorized
policy|password policy: min_length=12
policy words|password policy: at least 12 characters, one digit
policy json|{"password_min_length": 12, "password_require_digit": true}
policy max age|password max age: 90d
policy strength|password strength: 3/4
policy expiry|password expiry: 2026-05-01
token type|token type: Bearer
token usage|token usage: 512/4096
token limit|token limit: 4096, requested 5120
token endpoint|token endpoint: https://auth.example.com/oauth2/token
token ttl|token ttl: 3600s
token count field|{"usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}}
key algorithm|key algorithm: RS256
key size|key size: 2048
primary key|primary key (id) = (42)
duplicate key|Key (email)=(bob@example.com) already exists.
cache key md5|cache_key=user:42:{h32}
redis key|WRONGTYPE Operation against a key holding the wrong kind of value: session:{id}
s3 key|Key: uploads/2026/01/report-{id}.pdf
s3 bucket key|NoSuchKey: The specified key does not exist. Key=backups/db-2026-01-02.dump
kafka key|key=order-{d6} partition=3 offset=12345
routing key|routing_key=orders.created exchange=shop
dict key|At key 'token': expected str
sort key|sort_key=created_at#2026-01-02
uuid|order {id} not found
git sha|commit {h40} not found in branch main
short sha|reset to {h7}
docker digest|pull shop@sha256:{h64}
integrity|integrity sha512-{b86}==
etag|ETag: "{h32}"
trace|traceparent: 00-{h32}-{h16}-01
request id|x-request-id: req_{a24}
aws request id|RequestId: {id}, HostId: {b76}
message id|Message-ID: <{l20}@mail.example.com>
langsmith run|https://smith.langchain.com/o/{id}/projects/p/{id}
checkpoint|checkpoint_ns=planner:{id}|tools:{id}
thread id|thread_id=thread_{a24}
tool call id|tool_call_id=call_{a24}
image data|data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{b80}
base64 text|payload SGVsbG8sIHdvcmxkISBUaGlzIGlzIGEgdGVzdC4= decoded fine
pandas|DataFrame with columns ['token_id', 'token', 'count']
tokenizer|tokenizer.pad_token = tokenizer.eos_token
tokens list|tokens: ['the', 'cat', 'sat']
next token|unexpected token '}' at 17:3
csrf missing|CSRF token missing or incorrect.
jwt expired|jwt expired at 2026-01-02T03:04:05Z
jwt alg|JWT algorithm: HS256
auth scheme|Auth scheme: OAuth2PasswordBearer
session count|sessions: 42 active, 3 idle
cookie consent|cookie banner: accepted
credentials path|credentials file: ~/.aws/credentials
service account|service account: reader@shop-prod.iam.gserviceaccount.com
client id|client_id={d12}-{l32}.apps.googleusercontent.com
account sid note|username 'bob' and password are required
missing env|Environment variable DB_PASSWORD is not set
env list|required: DB_HOST, DB_USER, DB_PASSWORD
flag help|--api-key TEXT  API key  [env var: OPENAI_API_KEY; required]
masked|password=******** token=xxxxxxxx
masked key|Incorrect API key provided: sk-****
last four|key ending in 4f2a was revoked
hash rounds|bcrypt rounds=12 for password hashing
pass fail|pass: 12 fail: 0 skip: 1
password page|https://example.com/password/reset?lang=en
password route|POST /auth/password-reset/confirm 400
password test|tests/test_password_reset.py::test_token_expired PASSED
module name|No module named 'passlib.handlers.bcrypt_sha256'
sk learn|sk-learn-contrib-imbalanced is not a package
npm config|npm_config_user_agent is set
hf hub|hf_hub_download() got an unexpected keyword
pat branch|pat-na1-migration branch is stale
key value store|key-value-store-for-sessions-v2 is down
kebab|glsa_dashboard_provisioning_config not found
ghp word|ghp_import failed
model name|ft:gpt-4o-mini-2024-07-18:acme:support:A1b2C3d4
deployment|deployment shop-api-6f8d9c7b5d-abcde has 0 ready replicas
wheel|numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
conda|libstdcxx-ng-13.2.0-h7e041cc_5
semver|1.2.3-alpha.1+build.20260102.abcdef0
mac address|00:1a:2b:3c:4d:5e is unreachable
ipv6|2001:0db8:85a3:0000:0000:8a2e:0370:7334 refused
iban|IBAN DE89370400440532013000 is invalid
isbn|ISBN 978-3-16-148410-0 not found
license plate|SKU SK-2026-00417-B is out of stock
url id|https://example.com/watch?v=dQw4w9WgXcQ
url key anchor|https://docs.example.com/api-keys#rotate-your-api-key
doc sentence|The secret to a good prompt is context.
doc sentence two|Keep your API key private; never commit it.
doc sentence three|Your password was changed successfully on 2026-01-02.
doc sentence four|The token you are looking for is listed under Settings > Tokens.
doc sentence five|Use the key to the left of the 1 key.
french benign|Le mot de passe est requis.
german benign|Das Passwort ist zu kurz.
chinese benign|密码不能为空
spanish benign|La contraseña es obligatoria.
emoji|done 👩‍💻 1️⃣ 🏳️‍🌈
"""


def _numbered(texts: str) -> dict[str, str]:
    return {f"ordinary {number}": text for number, text in enumerate(texts.strip().splitlines())}


def _named(texts: str) -> dict[str, str]:
    pairs = (line.partition("|") for line in texts.strip().splitlines())
    return {name: text.replace("{b64x}", "{a64}\n{a64}").replace("\\n", "\n") for name, _, text in pairs}


ORDINARY: Final = _numbered(_ORDINARY)
LOOK_ALIKES: Final = _named(_ALIKE)

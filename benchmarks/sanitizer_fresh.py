"""Kinds of secrets and benign texts that were written before the rules for them: bare shapes, contexts, hard forms.

Written from public token formats, command lines, log lines, configuration dumps, tables and tracebacks. The slots
are those of `sanitizer_unseen_secrets`; a text is its own name, and a checksum of it decides its half. Do not tune
rules for the hold-out: `sanitizer_unseen` never prints it.
"""

from __future__ import annotations

from typing import Final


def _kinds(lines: str) -> dict[str, str]:
    return {line: line.replace("\\n", "\n") for line in lines.strip().splitlines()}


# Without a name: what providers issue, and what programs derive. Many are hexadecimal or UUIDs and cannot be told
# from digests and ids; they are here all the same.
BARE: Final = _kinds(r"""
{a32}
{a40}
{b40}
{b86}==
{a84}
00{s40}
{s64}
AAAAAAAAAAAAAAAAAAAAA{a80}
{a25}
{a50}
{l30}
{h32}
{h40}
{h64}
dG9r{a48}
00D{a12}!{a60}
{s40}
{u36}
{a64}
SWMTKN-1-{l50}-{l25}
{l6}.{l16}
{id}
{b43}=
{s43}=
5{a50}
ATTA{h64}
$2b$12$«{a53}»
$argon2id$v=19$m=65536,t=3,p=4${a22}$«{a43}»
$6${a8}${a86}
pbkdf2_sha256$600000${a22}$«{b43}»=
scrypt:32768:8:1${a16}$«{h128}»
.eJw{s40}.{s6}.{s27}
base64:«{b43}»=
{b64}
$apr1${a8}${a22}
SU{u56}
RWR{b53}
prod:happy-otter-123|«{s60}»
{b56}
{s22}
{b28}
BSA{s27}
{a8}.{a32}
secret_acme_{h32}.{a32}
esecret_{a24}
{h32}.{a16}
bce-v3/«ALTAK-{a21}/{h40}»
{h50}
{s86}
{l52}
{a6}.{a6}:{a43}
pk_prod_{u28}
os_v2_app_{l104}
Zoho-enczapikey «{b150}»
{b170}=
E{s79}
live_{a30}
xnd_production_{a50}
Mid-server-{s24}
oa_prod_{s43}
tok_{a32}
acme_pat_{a40}
appsecret-{a28}
zz.{a20}.{s30}
{a16}-{a16}-{a16}
ory_at_{s43}.{s43}
nk-{a24}
{u8}-{u8}-{u8}-{u8}
Tk{d4}-{a30}
AT-{d2}-{s32}
whsk.{s44}
dsn_«{a24}»@relay
""")

# With a name, in the notation of some program.
NAMED: Final = _kinds(r"""
[default]\naws_secret_access_key = «{b40}»\nregion = eu-west-1
kubectl create secret generic db --from-literal=password=«{p}»
helm upgrade app ./chart --set auth.rootPassword=«{p}»
terraform apply -var db_password=«{p}»
ansible-playbook site.yml -e "ansible_become_pass=«{p}»"
psql: FATAL: connection string "user=app password=«{p}» host=db" failed
docker run -e MYSQL_ROOT_PASSWORD=«{p}» mysql:8
spring.datasource.password=«{p}»
    "Password": "«{p}»",\n    "Login": "bob"
os.environ["API_TOKEN"] = "«{g}»"
Setting env var STRIPE_SECRET=«{g}» for build
export GITHUB_TOKEN=«{g}» && make release
request headers: {'X-Auth-Token': '«{g}»', 'Accept': '*/*'}
> X-Vault-Token: «{g}»
x-goog-api-key: «{g}»
client = Client(api_key='«{g}»', timeout=3)
Settings(db_user='app', db_password='«{p}», debug=True)
DEBUG config={:host=>"db", :password=>"«{p}»"}
map[host:db password:«{p}» port:5432]
&{User:bob Password:«{p}» Port:22}
User { name: "bob", password: "«{p}»" }
Config{host=db, password=«{p}», port=1}
{"args": ["--user", "bob", "--password", "«{p}»"]}
level=info msg="login" user=bob password="«{p}»"
time=12:01 level=error token=«{g}» msg=refused
<add key="SmtpPassword" value="«{p}»" />
<property name="hibernate.connection.password">«{p}»</property>
- name: REDIS_PASSWORD\n  value: "«{p}»"
| name | password |\n|------|----------|\n| bob | «{p}» |
user;password\nbob;«{p}»\nlast
user\tpassword\nbob\t«{p}»
username bob, password «{p}»\nlast line
The password for bob is «{p}».
Your temporary password: «{p}» (valid for 24 h)
Enter passphrase: «{p}»
Wrong password '«{p}» for user bob
UPDATE users SET password = '«{p}»' WHERE id = 7
INSERT INTO users (id, password) VALUES (7, '«{p}»')
ALTER USER bob WITH PASSWORD '«{p}»';
CREATE ROLE app LOGIN PASSWORD '«{p}»'
amqp://app:«{p}»@mq:5672/%2f connection refused
smtp://bob%40acme.com:«{p}»@mail:587
jdbc:postgresql://db/shop?user=app&password=«{p}»
Server=db;Database=shop;User Id=app;Password=«{p}»;
mongodb://app:«{p}»@m1,m2/?replicaSet=r
git clone https://oauth2:«{g}»@gitlab.example.com/a/b.git
GET /cb?code=abc&access_token=«{g}» HTTP/1.1
{"grant_type":"password","username":"bob","password":"«{p}»"}
ValidationError: password='«{p}» is too weak
refresh token «{g}» was rejected
rabbitmqctl add_user bob «{p}»
loading secret from env: APP_SECRET -> «{g}»
"client_secret" => "«{g}»"
client_secret: !!str «{g}»
password: >-\n  «{p}»\nuser: bob
{"Name":"db/password","Value":"«{p}»"}
[('password', '«{p}»'), ('user', 'bob')]
OrderedDict([('user', 'bob'), ('password', '«{p}»')])
namespace(user='bob', api_token='«{g}»')
curl -H 'Authorization: Bearer «{g}»' https://x.com
curl --user bob:«{p}» https://x.com/a
wget --http-password=«{p}» https://x.com/a
gh auth login --with-token «{g}»
npm config set //npm.example.com/:_authToken «{g}»
//npm.example.com/:_authToken=«{g}»
machine github.com login bob password «{p}»
TELEGRAM_BOT_TOKEN='«{g}»' python bot.py
Secret value: «{g}»
Schlüssel=«{g}»
contraseña: «{p}»
パスワード: «{p}»
""")

# Far from the name, in a position, encoded, or with a rare separator.
HARD: Final = _kinds(r"""
       user  password\n0  bob  «{p}»\n1  al   none
user    password\n------  ----------\nbob     «{p}»
+------+------------+\n| user | password   |\n+------+------------+\n| bob  | «{p}» |\n+------+------------+
NAME   TOKEN                       AGE\nbob    «{g}»  3d
 id | password   | role\n----+------------+------\n  1 | «{p}» | admin
1) "user"\n2) "bob"\n3) "password"\n4) "«{p}»"
HGETALL user:1\n1) "password"\n2) "«{p}»"
**Password:** «{p}»
**Password**: «{p}»
Password ........ «{p}»
<b>Password:</b> «{p}»
<td>Password</td><td>«{p}»</td>
<dt>API key</dt>\n<dd>«{g}»</dd>
| Password | «{p}» |
Password ─ «{p}»
password » «{p}»
password ⇒ «{p}»
password\n=> «{p}»
net user bob «{p}» /add
cqlsh -u cassandra -p «{p}» db1
echo 'bob:«{p}»' | chpasswd
echo «{p}» | passwd --stdin bob
echo «{p}» | sudo -S systemctl restart app
jwt.encode(payload, "«{g}»", algorithm="HS256")
jwt.decode(token, '«{g}»', algorithms=['HS256'])
hmac.new(b"«{g}»", body, "sha256")
smbclient //srv/share -U bob%«{p}»
ldapsearch -D cn=admin -w «{p}» -b dc=x
sqlcmd -S db -U sa -P «{p}» -Q 'select 1'
7z x backup.7z -p«{p}»
zip -P «{p}» out.zip a.txt
unzip -P «{p}» out.zip
mongo -u admin -p «{p}» --host db
snmpwalk -v3 -u bob -A «{p}» host
openssl enc -aes-256-cbc -k «{p}» -in a
keytool -storepass «{p}» -list
htpasswd -b .htpasswd bob «{p}»
pg.connect('db', 'bob', '«{p}»')
ftp.login('bob', '«{p}»')
session.auth = ('bob', '«{p}»')
a=«{e}»
body=«{e}»
[SQL: INSERT INTO u (name, password) VALUES (?, ?)]\n[parameters: [('bob', '«{p}»'), ('al', 'x')]]
INSERT INTO u (name, password) VALUES ($1, $2)\nDETAIL:  parameters: $1 = 'bob', $2 = '«{p}»'
LOG:  execute S_1: UPDATE u SET token = $1 WHERE id = $2\nDETAIL:  Parameters: $1 = '«{g}»', $2 = '7'
passwrod: «{p}»
pasword=«{p}»
DB_PASWORD=«{p}»
tokne=«{g}»
PIN: «{d4}»
pin_code=«{d6}»
TOTP code: «{d6}»
recovery phrase: «zebra apple lamp ocean river stone»
seed phrase is "«zebra apple lamp ocean river stone»"
データベースパスワード：«{p}»
数据库密码：«{p}»
Datenbankpasswort: «{p}»
mot de passe de la base : «{p}»
пароль базы данных: «{p}»
set requirepass «{p}»
CONFIG SET masterauth «{p}»
AUTH «{p}»
AUTH default «{p}»
USER bob\r\nPASS «{p}»
enable secret 5 «{g}»
snmp-server community «{g}» RO
logged in as bob / «{p}»
credentials: bob / «{p}»
creds bob:«{p}»
login=bob&pass=«{p}»
""")

# Nothing here is a secret.
BENIGN: Final = _kinds(r"""
'password': None,
"secret": false,
password = (known after apply)
password: $(cat db-password.txt)
MasterUserPassword: !Ref DbPassword
Password: !GetAtt Secret.Value
{'token': None, 'user': 'bob'}
token=null
"api_key": null,
password: ""
password: ${DB_PASSWORD:?missing}
password={{ vault_db_password }}
    password = var.db_password
password: process.env.DB_PASSWORD,
token := os.Getenv("TOKEN")
commit {h40}
sha256:{h64}
sha512-{b86}==
integrity sha512-{b86}==
image: ghcr.io/acme/api@sha256:{h64}
run id {id}
trace_id={h32} span_id={h16}
request_id: req_{a24}
thread_{a24} has no messages
chatcmpl-{a29} finished
toolu_{a24} failed
resp_{h48} is incomplete
ETag: "{h32}"
"etag": "W/\"{h10}-{a27}\""
x-amz-request-id: {u16}
x-amz-id-2: {b75}=
ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{b200} bob@host
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{b43} bob@host
SHA256:{b43}
-----BEGIN CERTIFICATE-----\nMIID{b60}\n{b64}\n-----END CERTIFICATE-----
-----BEGIN PUBLIC KEY-----\nMIIB{b60}\n-----END PUBLIC KEY-----
https://www.youtube.com/watch?v={s11}
https://docs.google.com/document/d/1{s43}/edit
arn:aws:iam::123456789012:role/AppServiceRole20260101
i-0{h16} is not running
vpc-0{h16} in eu-west-1a
com.example.shop.internal.OrderServiceImplV2Factory.create2
OrderServiceImplIntegrationTest2WithPostgreSQL16
/api/v2/customers/CUST00012345/orders/ORD2026000417
AbstractBeanFactoryAwareAspectJAdvisorAutoProxyCreator
kube-system/coredns-5d78c9869d-x2k8p
api-7d9c6b5f4-x2k8p restarted
ValueError: could not convert string to float: 'abc123def456'
File "app/models/Llama3ForCausalLM.py", line 12
meta-llama/Llama-3.3-70B-Instruct-Turbo
claude-sonnet-4-5-20250929 is overloaded
gpt-4o-mini-2024-07-18 hit its limit
text-embedding-3-small returned 1536 dimensions
numpy-2.1.3-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
langgraph_checkpoint_postgres-2.0.25-py3-none-any.whl
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB{b60}
0x{h40} has no balance
0x{h64} was mined
bc1q{l38}
id=01J{u23}
_id: ObjectId('{h24}')
X-Request-Id: {a20}
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0.0.0
passed 12 tests, failed 3
PASS tests/unit/test_login.py
password reset link was sent to bob@example.com
the token limit of 8192 was reached
max_tokens=4096, token_count=17
authentication failed: invalid password
keyboard layout: us, key repeat: 30
primary key (id, tenant_id) violated
KeyError: 'secret_name'
2026-03-04T12:30:45.123456+00:00 INFO started
user  name     age\n0     bob      31
NAME    READY   STATUS\napi-0   1/1     Running
| token | count |\n|-------|-------|\n| the   | 17    |
Password must contain 8 characters, a digit and a capital
DETAIL: Key (email)=(bob@example.com) already exists.
[SQL: SELECT id FROM users WHERE name = ?]\n[parameters: ('bob',)]
pin 3 of the connector is open
the seed is 42, the phrase is too long
USER bob logged in
net user bob /delete
echo hello | tee out.txt
session.get('https://api.example.com/v1/items', timeout=3)
""")

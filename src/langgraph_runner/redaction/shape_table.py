r"""The table of keys and tokens that are known by their own shape: one line each.

`PREFIXED` contains those that begin with a fixed word. Prefixes, alphabets and lengths are facts that the
providers publish, or that the rules of gitleaks, detect-secrets and trufflehog state. The length is that of
the shortest body that counts, often below the documented one, so that a key that was cut is hidden, too.
`MARKED` contains those with their mark in the middle or at the end, as regular expressions with bounded
quantifiers. Identifiers that are public by design, such as Stripe's `pk_live_`, are left out.

The table is complete: `runs.py` finds keys of other formats by their randomness, and a test holds the number of
rows. A key that neither finds needs a rule for its mechanism, not a row.
"""

from __future__ import annotations

from typing import Final, NamedTuple

HEX: Final = "0-9a-fA-F"
HEX_DASHED: Final = "0-9a-fA-F-"
UPPER: Final = "A-Z0-9"
ALNUM: Final = "A-Za-z0-9"
WORD: Final = "A-Za-z0-9_"
URLSAFE: Final = "A-Za-z0-9_-"
DOTTED: Final = "A-Za-z0-9_.=-"
BASE64: Final = "A-Za-z0-9+/=_-"


class Prefixed(NamedTuple):
    """A key that begins with one of `prefixes` (separated by blanks), then at least `length` of `alphabet`."""

    name: str
    prefixes: str
    alphabet: str
    length: int


class Marked(NamedTuple):
    """A key that `pattern` matches, searched for only in texts with `mark` in them.

    A pattern without a look-behind of its own does not match inside words. Where the mark is common, `gate` is
    a part of the pattern that begins with a fixed character, and therefore is quick to search for.
    """

    name: str
    mark: str
    pattern: str
    gate: str = ""


PREFIXED: Final = (
    # Language models and what surrounds them
    Prefixed("OpenAI, Anthropic, DeepSeek, OpenRouter", "sk-", URLSAFE, 20),
    Prefixed("OpenAI session", "sess-", ALNUM, 32),
    Prefixed("LangSmith", "lsv2_pt_ lsv2_sk_ ls__", WORD, 16),
    Prefixed("Langfuse", "sk-lf- pk-lf-", HEX_DASHED, 16),
    Prefixed("Hugging Face", "hf_ api_org_", ALNUM, 20),
    Prefixed("Groq", "gsk_", ALNUM, 24),
    Prefixed("xAI", "xai-", ALNUM, 24),
    Prefixed("Perplexity", "pplx-", ALNUM, 24),
    Prefixed("Replicate", "r8_", ALNUM, 24),
    Prefixed("Pinecone", "pcsk_", WORD, 24),
    Prefixed("Tavily", "tvly-", URLSAFE, 16),
    Prefixed("NVIDIA", "nvapi-", URLSAFE, 24),
    Prefixed("Fireworks", "fw_", ALNUM, 20),
    Prefixed("Together", "tgp_v1_", URLSAFE, 24),
    Prefixed("Cerebras", "csk-", ALNUM, 32),
    Prefixed("ElevenLabs", "sk_", HEX, 40),
    Prefixed("Voyage", "pa-", URLSAFE, 40),
    Prefixed("Jina", "jina_", ALNUM, 32),
    Prefixed("Firecrawl", "fc-", HEX, 24),
    Prefixed("E2B", "e2b_", ALNUM, 32),
    Prefixed("LlamaCloud", "llx-", ALNUM, 32),
    Prefixed("Helicone", "sk-helicone-", URLSAFE, 16),
    Prefixed("Weights and Biases", "wandb_v1_", URLSAFE, 40),
    Prefixed("Modal", "ak- as-", ALNUM, 22),
    Prefixed("RunPod", "rpa_", ALNUM, 32),
    Prefixed("Apify", "apify_api_ apify_proxy_", ALNUM, 20),
    Prefixed("Browserbase", "bb_live_ bb_test_", URLSAFE, 16),
    # Clouds, hosting and infrastructure
    Prefixed("AWS key id", "AKIA ASIA ABIA ACCA A3T", UPPER, 12),
    Prefixed("AWS Bedrock", "ABSK bedrock-api-key-", BASE64, 40),
    Prefixed("Google API", "AIza", URLSAFE, 20),
    Prefixed("Google OAuth", "ya29.", DOTTED, 16),
    Prefixed("Google client secret", "GOCSPX-", URLSAFE, 16),
    Prefixed("Google refresh", "1//0", URLSAFE, 24),
    Prefixed("Google AI Studio", "AQ.", URLSAFE, 40),
    Prefixed("Alibaba", "LTAI", ALNUM, 12),
    Prefixed("Tencent", "AKID", ALNUM, 28),
    Prefixed("Volcengine", "AKLT", ALNUM, 24),
    Prefixed("Yandex", "AQVN YCAJE YCM", URLSAFE, 24),
    Prefixed("Yandex IAM", "t1.", DOTTED, 80),
    Prefixed("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", HEX, 24),
    Prefixed("DigitalOcean Spaces", "DO00", UPPER, 16),
    Prefixed("Databricks", "dapi dose dkea", HEX, 28),
    Prefixed("Vault", "hvs. hvb. hvr.", URLSAFE, 20),
    Prefixed("Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", DOTTED, 20),
    Prefixed("Infisical", "st. sk.prod.", DOTTED, 60),
    Prefixed("Grafana", "glsa_ glc_", BASE64, 20),
    Prefixed("age", "AGE-SECRET-KEY-1 age-secret-key-1", ALNUM, 20),
    Prefixed("Heroku", "HRKU-", URLSAFE, 20),
    Prefixed("Render", "rnd_", ALNUM, 24),
    Prefixed("Fly.io", "fo1_ fm1r_ fm1a_ fm2_", BASE64, 20),
    Prefixed("Vercel", "vcp_ vci_ vca_ vcr_ vck_ vercel_blob_rw_", WORD, 20),
    Prefixed("Netlify", "nfp_ nfc_ nfo_ nfu_ nfb_", ALNUM, 32),
    Prefixed("Cloudflare origin", "v1.0-", HEX_DASHED, 60),
    Prefixed("Scalingo", "tk-us- tk-eu-", URLSAFE, 24),
    Prefixed("Scaleway", "SCW", UPPER, 17),
    Prefixed("Pulumi", "pul-", HEX, 24),
    Prefixed("Infracost", "ico-", ALNUM, 24),
    Prefixed("Tailscale", "tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook-", URLSAFE, 16),
    Prefixed("Defined Networking", "dnkey-", BASE64, 40),
    # Databases and queues
    Prefixed("Supabase", "sbp_ sbp_v0_", HEX, 24),
    Prefixed("Supabase secret", "sb_secret_", URLSAFE, 16),
    Prefixed("PlanetScale", "pscale_tkn_ pscale_pw_ pscale_oauth_", DOTTED, 20),
    Prefixed("Neon", "napi_", ALNUM, 40),
    Prefixed("Aiven", "AVNS_ aivenv1", BASE64, 16),
    Prefixed("ClickHouse", "4b1d", ALNUM, 36),
    Prefixed("MongoDB Atlas", "mdb_sa_sk_ mdb_sa_id_", URLSAFE, 20),
    Prefixed("Confluent", "cflt", BASE64, 56),
    Prefixed("Xata", "xau_", ALNUM, 32),
    Prefixed("Fauna", "fnA", URLSAFE, 36),
    # Source code, packages and builds
    Prefixed("GitHub", "ghp_ gho_ ghs_ ghu_ ghr_", ALNUM, 20),
    Prefixed("GitHub fine-grained", "github_pat_", WORD, 20),
    Prefixed(
        "GitLab",
        "glpat- gldt- glrt- glrtr- glptt- glcbt- glimt- glft- glffct- glsoat- gloas- glagent- glwt-",
        DOTTED,
        16,
    ),
    Prefixed("GitLab runner registration", "GR1348941", URLSAFE, 16),
    Prefixed("Bitbucket app", "ATBB", ALNUM, 20),
    Prefixed("Atlassian", "ATATT3 ATCTT3 ATSTT3", BASE64, 40),
    Prefixed("npm", "npm_", ALNUM, 30),
    Prefixed("PyPI", "pypi-AgE", URLSAFE, 20),
    Prefixed("RubyGems", "rubygems_", HEX, 24),
    Prefixed("crates.io", "cio", ALNUM, 32),
    Prefixed("NuGet", "oy2", ALNUM, 40),
    Prefixed("Clojars", "CLOJARS_", ALNUM, 32),
    Prefixed("Packagist", "packagist_ack_ packagist_out_ packagist_uut_", HEX, 32),
    Prefixed("Docker Hub", "dckr_pat_ dckr_oat_", URLSAFE, 20),
    Prefixed("Artifactory", "AKCp cmVmd", ALNUM, 48),
    Prefixed("Cloudsmith", "csa_", ALNUM, 32),
    Prefixed("CircleCI", "CCIPAT_ CCIPRJ_", WORD, 24),
    Prefixed("Buildkite", "bkua_ bkct_ bkpt_ bkaj_", ALNUM, 32),
    Prefixed("Harness", "pat. sat.", DOTTED, 60),
    Prefixed("Octopus Deploy", "API-", UPPER, 26),
    Prefixed("SonarQube", "squ_ sqp_ sqa_ sqb_", HEX, 32),
    Prefixed("Snyk", "snyk_uat. snyk_sat.", DOTTED, 24),
    Prefixed("Sourcegraph", "sgp_ slk_ sgd_", WORD, 32),
    Prefixed("Mergify", "mergify_application_key_", URLSAFE, 24),
    Prefixed("Deno", "ddp_ ddo_ ddw_", ALNUM, 32),
    Prefixed("Ionic", "ion_", ALNUM, 40),
    Prefixed("Postman", "PMAK- PMAT-", URLSAFE, 24),
    Prefixed("ReadMe", "rdme_", ALNUM, 40),
    Prefixed("Prefect", "pnu_ pnb_", ALNUM, 24),
    Prefixed("dbt", "dbtc_ dbtu_ dbts_", URLSAFE, 24),
    Prefixed("Sentry", "sntrys_ sntryu_ sntrya_", BASE64, 24),
    Prefixed("LaunchDarkly", "api- sdk- mob-", HEX_DASHED, 36),
    Prefixed("Statsig", "secret- console-", ALNUM, 40),
    Prefixed("ConfigCat", "configcat-sdk-1/", BASE64, 32),
    Prefixed("PostHog", "phc_ phx_", ALNUM, 24),
    Prefixed("Intra42", "s-s4t2ud- s-s4t2af-", HEX, 40),
    # Monitoring
    Prefixed("New Relic", "NRAK- NRII- NRIQ- NRRA-", URLSAFE, 20),
    Prefixed("New Relic browser", "NRJS-", HEX, 19),
    Prefixed("Dynatrace", "dt0c01. dt0s01. dt0s02. dt0s08. dt0s16.", DOTTED, 24),
    Prefixed("Honeycomb", "hcaik_ hcamk_ hcxik_ hcalk_", ALNUM, 40),
    Prefixed("Axiom", "xaat- xapt-", HEX_DASHED, 32),
    Prefixed("Checkly", "cu_", HEX, 28),
    Prefixed("Logfire", "pylf_v1_", WORD, 24),
    Prefixed("PagerDuty", "pdus+", BASE64, 24),
    # Mail, messages and calls
    Prefixed("SendGrid", "SG.", DOTTED, 32),
    Prefixed("Mailgun", "key-", HEX, 32),
    Prefixed("Brevo", "xkeysib- xsmtpsib-", URLSAFE, 32),
    Prefixed("Resend", "re_", WORD, 28),
    Prefixed("MailerSend", "mlsn.", HEX, 40),
    Prefixed("Klaviyo", "pk_", HEX, 34),
    Prefixed("Slack", "xoxb- xoxp- xoxa- xoxo- xoxr- xoxs- xoxe- xoxc- xoxd- xapp-", URLSAFE, 10),
    Prefixed("Slack rotated", "xoxe.xox", DOTTED, 20),
    # Payments and shops
    Prefixed(
        "Stripe, Clerk, Paystack, WorkOS", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", ALNUM, 12
    ),
    Prefixed("Webhook signing", "whsec_", BASE64, 20),
    Prefixed("Square", "sq0atp- sq0csp- sq0idp-", URLSAFE, 20),
    Prefixed("Square access", "EAAA", URLSAFE, 40),
    Prefixed("Facebook", "EAAB EAAC EAAD EAAE EAAG EAAJ EAAL EAAM EAAS", ALNUM, 40),
    Prefixed("Instagram", "IGQV IGAA", URLSAFE, 60),
    Prefixed("Shopify", "shpat_ shpss_ shpca_ shppa_ shptka_ shpua_", HEX, 24),
    Prefixed("Shippo", "shippo_live_ shippo_test_", HEX, 24),
    Prefixed("EasyPost", "EZAK EZTK", ALNUM, 40),
    Prefixed("Duffel", "duffel_live_ duffel_test_", BASE64, 24),
    Prefixed("Flutterwave", "FLWSECK_TEST- FLWSECK-", URLSAFE, 12),
    Prefixed("Razorpay", "rzp_live_ rzp_test_", ALNUM, 14),
    Prefixed("Plaid", "access-sandbox- access-development- access-production-", HEX_DASHED, 32),
    Prefixed("Lob", "live_ test_", HEX, 35),
    Prefixed("GoCardless", "live_ sandbox_", URLSAFE, 40),
    Prefixed("Adyen", "AQE", BASE64, 80),
    Prefixed("Paddle", "pdl_live_apikey_ pdl_sdbx_apikey_ pdl_ntfset_", WORD, 24),
    Prefixed("Polar, Lemon Squeezy", "polar_oat_ polar_pat_ polar_whs_", ALNUM, 24),
    # Everything else
    Prefixed("1Password service account", "ops_", BASE64, 40),
    Prefixed("1Password secret key", "A3-", "A-Z0-9-", 30),
    Prefixed("Adobe", "p8e-", ALNUM, 24),
    Prefixed("Contentful", "CFPAT-", URLSAFE, 24),
    Prefixed("Dropbox", "sl.", DOTTED, 60),
    Prefixed("Figma", "figd_ figo_ figu_", URLSAFE, 24),
    Prefixed("Frame.io", "fio-u-", BASE64, 32),
    Prefixed("HubSpot", "pat-na1- pat-na2- pat-eu1- pat-ap1-", HEX_DASHED, 32),
    Prefixed("Linear", "lin_api_ lin_oauth_ lin_wh_", ALNUM, 20),
    Prefixed("Notion", "ntn_", ALNUM, 30),
    Prefixed("Notion, older", "secret_", ALNUM, 40),
    Prefixed("Mapbox", "sk.eyJ", DOTTED, 20),
    Prefixed("Stytch", "secret-live- secret-test-", BASE64, 24),
    Prefixed("SettleMint", "sm_aat_ sm_pat_ sm_sat_", ALNUM, 16),
    Prefixed("Typeform", "tfp_", DOTTED, 32),
    Prefixed("Zuplo", "zpka_", WORD, 32),
    Prefixed("Segment", "sgp_", ALNUM, 40),
    Prefixed("Cal.com", "cal_live_ cal_", HEX, 28),
    Prefixed("Bitcoin extended", "xprv yprv zprv tprv", ALNUM, 80),
    Prefixed("Nostr", "nsec1", ALNUM, 40),
    # JSON in base64 begins like this: web tokens, whole or cut, and the keys of several services.
    Prefixed("JSON in base64", "eyJ", "A-Za-z0-9_.=+/-", 14),
    Prefixed("JSON in base64, twice", "ZXlK", BASE64, 40),
)

MARKED: Final = (
    Marked("Bitwarden", "0.", r"0\.[0-9a-f]{8}-[0-9a-f-]{27}\.[A-Za-z0-9+/=:]{20,}", r"0\.[0-9a-f]{8}-"),
    Marked("Telegram", ":AA", r"(?<!\d)\d{6,12}:AA[A-Za-z0-9_-]{30,}"),
    Marked(
        "Discord",
        ".",
        r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
    ),
    Marked("Vault, older", "s.", r"s\.(?=[A-Za-z]*\d)[A-Za-z0-9]{24}(?![A-Za-z0-9])", r"s\.[A-Za-z0-9]{24}"),
    Marked("Terraform Cloud", ".atlasv1.", r"[A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_=-]{20,}"),
    Marked("Azure AD", "Q~", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{20,}"),
    Marked("Azure DevOps", "AZDO", r"[A-Za-z0-9]{40,80}AZDO[A-Za-z0-9]{4}"),
    Marked("Azure services", "JQQJ9", r"[A-Za-z0-9]{40,80}JQQJ9[A-Za-z0-9]{20,40}"),
    Marked("Mailchimp", "-us", r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}(?!\d)", r"-us\d"),
    Marked("Facebook app", "|", r"(?<!\d)\d{15,16}\|[A-Za-z0-9_-]{24,40}", r"\|[A-Za-z0-9_-]{24}"),
    Marked("MaxMind", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    Marked("New Relic ingest", "NRAL", r"(?<![0-9a-f])[0-9a-f]{36}(?:FFFF)?NRAL"),
    Marked("Twilio", "SK", r"SK[0-9a-f]{32}(?![0-9a-fA-F])", "SK[0-9a-f]{32}"),
    Marked("Airtable", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{20,64}", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{20}"),
    Marked("Asana", "/", r"(?<![\d/])[12]/\d{16}(?:/\d{16})?:[0-9a-f]{32}", r"/\d{16}"),
    Marked("Braintree", "access_token$", r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    Marked("OpenShift", "sha256~", r"sha256~[A-Za-z0-9_-]{30,}"),
    Marked(
        "Mailgun signing",
        "-",
        r"(?<![0-9a-f-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9a-f-])",
        r"-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9a-f-])",
    ),
    Marked("AWS AppSync", "da2-", r"da2-[a-z0-9]{26}"),
    Marked("Sentry DSN", "://", r"(?<=://)[0-9a-f]{32}(?::[0-9a-f]{32})?(?=@)", r"://[0-9a-f]{32}"),
    Marked(
        "Authress",
        ".acc",
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,}",
    ),
    Marked(
        "Zapier webhook",
        "hooks.zapier.com",
        r"(?<=hooks\.zapier\.com/hooks/catch/)\d{3,12}/[A-Za-z0-9]{5,20}",
    ),
    Marked(
        "Slack webhook",
        "hooks.slack.com",
        r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/_-]{16,})",
    ),
    Marked(
        "Discord webhook", "/api/webhooks/", r"(?<=/api/webhooks/)\d{1,24}/(?P<secret>[A-Za-z0-9_-]{20,})"
    ),
    Marked("Teams webhook", "webhook.office.com", r"(?<=webhook\.office\.com/)[A-Za-z0-9/@_-]{20,}"),
    # The secret half of an AWS key pair, printed next to its public half.
    Marked(
        "AWS key pair",
        "IA",
        r"A[KS]IA[A-Z0-9]{12,64}[^A-Za-z0-9/+]{1,8}(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
        r"A[KS]IA[A-Z0-9]{12,64}[^A-Za-z0-9/+]{1,8}[A-Za-z0-9/+]{40}",
    ),
)

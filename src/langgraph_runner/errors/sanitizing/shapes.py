r"""Secrets that tell what they are by their own shape, wherever they stand.

Each rule has anchors: lower-case words at which alone its pattern is tried. Looking for a word is some
hundred times cheaper than a pattern, and most texts have none. Every quantifier is bounded or runs over
characters that what follows cannot match, so time stays linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.errors.sanitizing.patterns import LazyPattern

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from langgraph_runner.errors.sanitizing.spans import Span


class Rule(NamedTuple):
    """A pattern, the words it may start with, and a judgement of what it found.

    `anchors` are in lower case. The group `secret` is what to hide, or the whole match when there is
    no such group.
    """

    anchors: tuple[str, ...]
    pattern: LazyPattern
    check: Callable[[str], bool] | None = None

    def spans(self, text: str, lower: str, anchor: str) -> Iterator[Span]:
        """Where secrets stand that start with the anchor. `lower` is the text in lower case, as long."""
        at = lower.find(anchor)
        while at >= 0:
            found = self.pattern.match(text, at)
            if found is None:
                at = lower.find(anchor, at + 1)
                continue
            if span := checked_span(found, self.check):
                yield span
            # From the end of the match on: what was read once is not read again.
            at = lower.find(anchor, found.end())


class Searched(NamedTuple):
    """A pattern that starts with anything, searched for only where a cheaper one is found."""

    gate: LazyPattern
    pattern: LazyPattern
    check: Callable[[str], bool] | None = None

    def spans(self, text: str) -> Iterator[Span]:
        """Where the secrets stand."""
        if self.gate.search(text) is None:
            return
        for found in self.pattern.finditer(text):
            if span := checked_span(found, self.check):
                yield span


def checked_span(found: re.Match[str], check: Callable[[str], bool] | None = None) -> Span | None:
    """The part of the match to hide: its group `secret` or all of it; None when the check says no."""
    group = "secret" if "secret" in found.re.groupindex else 0
    value = found[group]
    return found.span(group) if value and (check is None or check(value)) else None


# Not inside a word, but right after an escaped newline or a percent code counts as outside.
_EDGE: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtb])|(?<=%[0-9A-Fa-f]{2}))"


def _prefixed(anchors: str, pattern: str, check: Callable[[str], bool] | None = None) -> Rule:
    return Rule(tuple(anchors.split()), LazyPattern(_EDGE + pattern), check)


def _has_digit(value: str) -> bool:
    return any(char.isdecimal() for char in value)


def _is_credential(value: str) -> bool:
    """Whether what follows "Bearer" is one, and not a word of a sentence."""
    return not value.rstrip(".").isalpha() or not value[1:].islower()


_MODEL_PROVIDERS: Final = (
    # OpenAI, Anthropic, OpenRouter, DeepSeek and others share the first prefix; LangSmith, Hugging Face...
    _prefixed("sk-", r"sk-[A-Za-z0-9_-]{20,}", _has_digit),
    _prefixed("sess-", r"sess-[A-Za-z0-9]{32,}"),
    _prefixed("lsv2_ ls__", r"(?:lsv2_(?:pt|sk)_|ls__)[A-Za-z0-9_]{16,}"),
    _prefixed("hf_", r"hf_[A-Za-z0-9]{20,}"),
    _prefixed("gsk_", r"gsk_[A-Za-z0-9]{24,}"),
    _prefixed("xai-", r"xai-[A-Za-z0-9]{24,}"),
    _prefixed("pplx-", r"pplx-[A-Za-z0-9]{24,}"),
    _prefixed("r8_", r"r8_[A-Za-z0-9]{24,}"),
    _prefixed("pcsk_", r"pcsk_[A-Za-z0-9_]{24,}"),
    _prefixed("tvly-", r"tvly-[A-Za-z0-9_-]{16,}"),
    _prefixed("nvapi- fw_", r"(?:nvapi-[A-Za-z0-9_-]{24,}|fw_[A-Za-z0-9]{20,})", _has_digit),
    _prefixed("pk-lf- sk-lf-", r"[ps]k-lf-[0-9a-f-]{16,}"),
)

_CLOUDS: Final = (
    _prefixed("akia asia abia acca", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}"),
    # The secret half of an AWS key pair that was printed next to its public half.
    Rule(
        ("akia", "asia"),
        LazyPattern(
            _EDGE
            + r"(?:AKIA|ASIA)[A-Z0-9]{12,64}[^A-Za-z0-9/+]{1,8}(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"
        ),
    ),
    _prefixed("aiza", r"AIza[A-Za-z0-9_-]{20,}"),
    _prefixed("ya29.", r"ya29\.[A-Za-z0-9_.-]{16,}"),
    _prefixed("gocspx-", r"GOCSPX-[A-Za-z0-9_-]{16,}"),
    _prefixed("1//0", r"1//0[A-Za-z0-9_-]{24,}"),
    _prefixed("dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{24,}"),
    _prefixed("dapi", r"dapi[0-9a-f]{28,}(?:-\d)?"),
    _prefixed("hvs. hvb. hvr.", r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    _prefixed("dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{20,}"),
    _prefixed("glsa_ glc_", r"(?:glsa|glc)_[A-Za-z0-9+/=_]{20,}"),
    _prefixed("age-secret-key-1", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    _prefixed(
        "hrku- rnd_ fo1_ fm2_",
        r"(?:HRKU-[A-Za-z0-9_-]{20,}|rnd_[A-Za-z0-9]{24,}|f(?:o1|m2)_[A-Za-z0-9_+/=-]{20,})",
    ),
    _prefixed("nrak- nrii-", r"NR(?:AK|II)-[A-Za-z0-9_-]{20,}"),
    _prefixed(
        "sbp_ sb_secret_ pscale_",
        r"(?:sbp_[0-9a-f]{24,}|sb_secret_[A-Za-z0-9_-]{16,}|pscale_\w{2,8}_[\w.-]{20,})",
    ),
)

_DEVELOPER_TOOLS: Final = (
    _prefixed("ghp_ gho_ ghs_ ghu_ ghr_", r"gh[posur]_[A-Za-z0-9]{20,}"),
    _prefixed("github_pat_", r"github_pat_[A-Za-z0-9_]{20,}"),
    _prefixed("glpat- gldt- glrt- glptt- glcbt-", r"gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_.-]{16,}"),
    _prefixed("atbb atatt", r"(?:ATBB[A-Za-z0-9]{20,}|ATATT3[A-Za-z0-9_=-]{40,})"),
    _prefixed("npm_", r"npm_[A-Za-z0-9]{30,}"),
    _prefixed("pypi-age", r"pypi-AgE[A-Za-z0-9_-]{20,}"),
    _prefixed("lin_api_ lin_oauth_", r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}"),
    _prefixed("ntn_ secret_", r"(?:ntn_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{40,})", _has_digit),
    _prefixed("figd_ pmak- dckr_ phc_ phx_", r"(?:figd_|PMAK-|dckr_(?:pat|oat)_|ph[cx]_)[A-Za-z0-9_-]{24,}"),
    _prefixed("sntrys_ sntryu_", r"sntry[su]_[A-Za-z0-9+/=_]{24,}"),
    _prefixed("sq0atp- sq0csp- eaaa", r"(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}|EAAA[A-Za-z0-9_-]{40,})"),
    _prefixed("sk_ rk_ pk_live_", r"[srp]k_(?:live|test|prod)_[A-Za-z0-9]{12,}"),
    _prefixed("whsec_", r"whsec_[A-Za-z0-9+/=]{20,}"),
    _prefixed("shpat_ shpss_ shpca_ shppa_", r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{24,}"),
    _prefixed("sg.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _prefixed("key-", r"key-[0-9a-f]{32}"),
    _prefixed("xkeysib- xsmtpsib-", r"x(?:keys|smtps)ib-[0-9a-f]{32,}(?:-[A-Za-z0-9]{8,})?"),
)

_MESSENGERS: Final = (
    _prefixed("xox xapp-", r"(?:xox[a-z](?:\.xox[a-z])?-|xapp-)[A-Za-z0-9-]{10,}"),
    _prefixed(
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/_-]{16,})",
    ),
    _prefixed(
        "discord.com/api discordapp.com/api",
        r"discord(?:app)?\.com/api/webhooks/\d{1,24}/(?P<secret>[A-Za-z0-9_-]{20,})",
    ),
    _prefixed("webhook.office.com", r"webhook\.office\.com/(?P<secret>[A-Za-z0-9/@_-]{20,})"),
)

# Tokens whose mark is in the middle.
SEARCHED_SHAPES: Final = (
    # Telegram's
    Searched(LazyPattern(r":AA[A-Za-z0-9_-]{30}"), LazyPattern(r"(?<!\d)\d{6,12}:AA[A-Za-z0-9_-]{30,}")),
    # Discord's
    Searched(
        LazyPattern(r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}"),
        LazyPattern(_EDGE + r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"),
    ),
)

_WEB_TOKENS: Final = (
    # JSON in base64 begins so: web tokens, whole or cut, and the keys of several services.
    _prefixed("eyj", r"eyJ[A-Za-z0-9_-]{14,}={0,2}(?:\.[A-Za-z0-9_-]*){0,4}"),
)

SCHEMES: Final = (
    Rule(
        ("bearer", "basic", "negotiate", "apikey"),
        LazyPattern(
            r"\b(?i:bearer|basic|negotiate|apikey)(?:[ \t]{1,8}|%20|\+)b?['\"]?(?P<secret>[A-Za-z0-9._~+/=-]{8,})"
        ),
        _is_credential,
    ),
    Rule(
        ("digest", "hmac", "hawk", "oauth"),
        LazyPattern(
            r"\b(?i:digest|aws4-hmac-sha256|hawk|oauth)[ \t]{1,8}"
            r"(?P<secret>[A-Za-z_]{1,30}=(?:\\{0,7}[\"'][^\"'\\\n]*\\{0,7}[\"']|[^\s,\"'\\]+)"
            r"(?:[\s,]{1,8}[A-Za-z_]{1,30}=(?:\\{0,7}[\"'][^\"'\\\n]*\\{0,7}[\"']|[^\s,\"'\\]+))*)"
        ),
    ),
)

# Whatever these find is one run of at least fifteen characters of this sort (see LONG_RUN).
LONG_SHAPES: Final = (*_MODEL_PROVIDERS, *_CLOUDS, *_DEVELOPER_TOOLS, *_MESSENGERS, *_WEB_TOKENS)
LONG_RUN: Final = LazyPattern(r"[A-Za-z0-9_+/=.-]{15,}")

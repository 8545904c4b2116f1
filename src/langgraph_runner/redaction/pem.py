r"""PEM blocks: closed, cut off at either end, indented, or on one line with `\n` for its newlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.redaction.spans import Span

_BEGIN: Final = "-----BEGIN "
_END: Final = "-----END "
_EDGE = LazyPattern(r"-----(?:BEGIN|END) [A-Z0-9 ]{1,40}-----")
# Between lines: blanks, escaped newlines of any depth, and what quotes and joins lines in source text.
_GAP = r"(?:[\s>+|\"',-]|\\+[nrt\"'])"
_HEADER = r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|MessageID|Charset): ?[^\n\\]{0,80}"
_LINE = r"=?[A-Za-z0-9+/]{1,}={0,2}"
# One long run at least before a short last one, so that prose after a cut block stays.
_BODY = LazyPattern(
    rf"(?:{_GAP}{{1,40}}(?:{_HEADER}|=?[A-Za-z0-9+/]{{20,}}={{0,2}}))*(?:{_GAP}{{1,40}}{_LINE}(?={_GAP}*-----|\s*$|\.\.\.))?"
)
_PUTTY = LazyPattern(
    r"Private-Lines: \d{1,4}(?P<secret>(?:\s{1,8}[A-Za-z0-9+/=]{1,76})+)|Private-MAC: (?P<mac>[0-9a-f]{20,})"
)
_BASE64_LINE = LazyPattern(r"\s*[A-Za-z0-9+/=\\]{16,}\s*|\s*[A-Za-z0-9+/=]{1,64}\s*")
# What everyone may see, and what a reader of an error needs: which certificate was refused.
_PUBLIC = LazyPattern(
    r"-----(?:BEGIN|END) (?:(?:RSA |DSA |EC |SSH2 |ECDSA )?PUBLIC KEY|PGP PUBLIC KEY BLOCK|PGP SIGNATURE"
    r"|(?:TRUSTED |X509 |NEW |ATTRIBUTE )*CERTIFICATE(?: REQUEST)?|X509 CRL|PKCS7|CMS|(?:DH|DSA|EC) PARAMETERS)-----"
)
_LONGEST_BLOCK: Final = 20_000


def pem_spans(text: str) -> Iterator[Span]:
    """Where private PEM blocks and PuTTY keys stand; public keys and certificates stay."""
    if "Private-" in text:
        for found in _PUTTY.finditer(text):
            yield found.span("secret") if found["secret"] else found.span("mac")
    if "-----" not in text:
        return
    at = 0
    while edge := _EDGE.search(text, at):
        if _PUBLIC.match(edge[0]):
            at = edge.end()
        elif edge[0].startswith(_BEGIN):
            end = _end_of_block(text, edge.end())
            yield edge.start(), end
            at = max(end, edge.end())
        else:
            yield _start_of_tail(text, edge.start(), at), edge.end()
            at = edge.end()


def _end_of_block(text: str, body: int) -> int:
    """Where the block ends whose body starts at `body`: its END line, else the last line that fits."""
    nearest = _EDGE.search(text, body, body + _LONGEST_BLOCK)
    if nearest is not None and nearest[0].startswith(_END):
        return nearest.end()
    found = _BODY.match(text, body)
    return found.end() if found else body


def _start_of_tail(text: str, edge: int, floor: int) -> int:
    """Where the lines start that stand before an END line whose BEGIN was cut away."""
    window = max(floor, edge - 4_096)
    start = edge
    while (line := text.rfind("\n", window, start - 1)) >= 0 or start > window:
        begin = line + 1 if line >= 0 else window
        if not _BASE64_LINE.fullmatch(text[begin:start]):
            break
        start = begin
        if line < 0:
            break
    return start

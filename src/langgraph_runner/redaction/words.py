"""Words by which a sentence about a secret is told from the secret."""

from __future__ import annotations

from typing import Final

_EMPTY: Final = """
    none null nil true false undefined nan empty unset yes no on off n/a na str string int integer float
    bool boolean bytes object any optional secretstr redacted masked hidden filtered removed sensitive
    omitted truncated unknown value secret token password
"""
_PROSE: Final = """
    a about absent after already an and are as at authentication authorization be been before blank but by
    can cannot characters client configure configured contain contains could denied did disabled do does
    empty enabled ensure env error exceeded expected expired expires failed failure field fields for format
    found from given had has have header if in incorrect input invalid is it its length less limit long
    malformed match matches may mismatch missing more must mutual need needed needs never no not of on or
    out please property provided punctuation read rejected require required requires revoked see set should
    since some strategy support supported supports than that the there this to too type unable unauthorized
    unexpected unknown unrecognized unsupported until use used uses using valid value verification via was
    were when which will with without wrong you your
"""

# Names of nothing and of types: no value at all.
EMPTY_WORDS: Final = frozenset(_EMPTY.split())
# Words that make what follows a name a sentence about it.
PROSE_WORDS: Final = frozenset(_PROSE.split())

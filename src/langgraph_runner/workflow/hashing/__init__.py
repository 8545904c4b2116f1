"""One canonical encoding and one SHA-256 for each value that a step may receive.

Equal values have equal bytes: in every process, on every machine, and whatever the order of their keys. Different
values have different bytes. Values differ if a step can tell them apart: 1, 1.0, True and "1" are four values.

The bytes are JSON as RFC 8785 defines it: no white space, keys sorted by their UTF-16 units. Values that JSON has are
written as they are. Any other value is an object with one key, a tag that begins with `$`:

    value                              encoding
    ---------------------------------  -----------------------------------------------------------
    None, bool, str, list              as in JSON
    int with an absolute value < 2**53 as in JSON
    dict with plain text keys          as in JSON; a plain key does not begin with `$`
    any other dict                     {"$dict": [[key, value], ...]}, sorted by the text of the pairs
    any other int                      {"$int": "0x..."}
    float                              {"$float": "..."}, the shortest exact text; 0.0 and -0.0 differ
    complex                            {"$complex": [real, imag]}, each with the text of a float
    Decimal, Fraction                  {"$decimal": "1.00"}, {"$fraction": [numerator, denominator]}
    bytes, bytearray                   {"$bytes": "<base64>"}, {"$bytearray": "<base64>"}
    tuple                              {"$tuple": [...]}
    set, frozenset                     {"$set": [...]}, {"$frozenset": [...]}, sorted by the text of the items
    deque, range                       {"$deque": [items, maxlen]}, {"$range": [start, stop, step]}
    OrderedDict                        {"$ordereddict": [[key, value], ...]}, in its own order
    defaultdict                        {"$defaultdict": [factory, dict]}, the factory None or a class
    date, timedelta                    {"$date": "2024-02-29"}, {"$timedelta": [days, seconds, microseconds]}
    datetime, time                     {"$datetime": [ISO 8601 with its offset, fold, zone]}, {"$time": [...]}
    ZoneInfo, fixed offset             {"$zone": key}, {"$offset": [microseconds, name]}
    UUID, IP address and network       {"$uuid": "..."}, {"$ip": [class, text]}
    path, pure or not                  {"$path": [class, text]}
    re.Pattern                         {"$pattern": [pattern, flags]}
    SecretStr, SecretBytes, Secret     {"$secret": [module, class, hash of the secret]}
    AnyUrl and its subclasses          {"$url": [module, class, text]}
    Enum                               {"$enum": [module, class, name, value]}; a Flag has no name
    pydantic model                     {"$model": [module, class, fields, extra fields or None]}
    dataclass, attrs class             {"$dataclass": [module, class, fields]}, {"$attrs": ...}
    namedtuple                         {"$namedtuple": [module, class, attributes or None, fields]}
    subclass of a JSON type,           {"$subclass": [module, class, attributes or None, the value as its base]},
      tuple, bytes, set or frozenset     if it is written in Python
    any other Mapping                  {"$mapping": [module, class, dict]}
    class with a registered encoding   {"$<its tag>": [module, class, result of encode()]}

A class is identified by its module and qualified name, so a class of `__main__` becomes another one when its module
is imported. Of a model, a dataclass or an attrs class, all declared fields count, also those that `==` ignores;
private attributes, cached properties and the set of fields that were given do not count. Of a Mapping, the items
count.

Everything else raises `UnhashableInputError`: NaN and infinities, functions, classes, modules, files, locks,
generators, coroutines, objects without declared fields, text with lone surrogates, values that contain themselves,
and values nested more than `MAX_DEPTH` levels.

Changing an encoding invalidates every cache. The modules, from the bottom: `unhashable` (why a value is refused),
`scalars`, `containers`, `objects` (which encoder a value gets), `canonical` (the entries).
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)

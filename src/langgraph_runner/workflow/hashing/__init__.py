"""One canonical encoding, and one SHA-256, for each value that a step may receive.

Equal values have equal bytes in every process, on every machine and in any order of keys; different values have
different bytes. "Different" is what a step can see: 1, 1.0, True and "1" are four values.

The bytes are JSON as RFC 8785 writes it: no white space, keys in the order of their UTF-16 units. What JSON has
is written as it is. The rest is an object with one key, a tag that begins with `$`:

    value                              encoding
    ---------------------------------  -----------------------------------------------------------
    None, bool, str, list              as in JSON
    int within 2**53 - 1 of zero       as in JSON
    dict with plain text keys          as in JSON; plain is a key that does not begin with `$`
    any other dict                     {"$dict": [[key, value], ...]}, in the order of the text of the pairs
    any other int                      {"$int": "0x..."}
    float                              {"$float": "..."}, the shortest text that reads back, so 0.0 is not -0.0
    complex                            {"$complex": [real, imag]}, each as a float has it
    Decimal, Fraction                  {"$decimal": "1.00"}, {"$fraction": [numerator, denominator]}
    bytes, bytearray                   {"$bytes": "<base64>"}, {"$bytearray": "<base64>"}
    tuple                              {"$tuple": [...]}
    set, frozenset                     {"$set": [...]}, {"$frozenset": [...]}, in the order of the text of the items
    deque, range                       {"$deque": [items, maxlen]}, {"$range": [start, stop, step]}
    OrderedDict                        {"$ordereddict": [[key, value], ...]}, in its own order
    defaultdict                        {"$defaultdict": [factory, dict]}, the factory None or a class
    date, timedelta                    {"$date": "2024-02-29"}, {"$timedelta": [days, seconds, microseconds]}
    datetime, time                     {"$datetime": [ISO 8601 with its offset, fold, zone]}, {"$time": [...]}
    ZoneInfo, fixed offset             {"$zone": key}, {"$offset": [microseconds, name]}
    UUID, IP address and network       {"$uuid": "..."}, {"$ip": [class, text]}
    path, pure or not                  {"$path": [class, text]}
    re.Pattern                         {"$pattern": [pattern, flags]}
    SecretStr and its kin              {"$secret": [module, class, hash of the secret]}
    AnyUrl and its subclasses          {"$url": [module, class, text]}
    Enum                               {"$enum": [module, class, name, value]}; a Flag has no name
    pydantic model                     {"$model": [module, class, fields, extra fields or None]}
    dataclass, attrs class             {"$dataclass": [module, class, fields]}, {"$attrs": ...}
    namedtuple                         {"$namedtuple": [module, class, attributes or None, fields]}
    subclass of a JSON type,           {"$subclass": [module, class, attributes or None, the value as its base]},
      tuple, bytes, set or frozenset     if it is written in Python
    any other Mapping                  {"$mapping": [module, class, dict]}
    class with a registered encoding   {"$<its tag>": [module, class, what encode() gave]}

A class is known by its module and qualified name, so one of `__main__` is another one when it is imported. Of a
model, a dataclass or an attrs class the declared fields count, also those that do not take part in `==`; private
attributes, cached properties and which fields were set do not. Of a Mapping its items count.

Everything else has no content that could be told, and raises `UnhashableInputError`: NaN and infinities,
functions, classes, modules, files, locks, generators, coroutines, objects without declared fields, text with lone
surrogates, values that contain themselves, and more than `MAX_DEPTH` levels.

To change an encoding is to invalidate every cache.
"""

from langgraph_runner._lazy import lazy_names

# The names are in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_names(__name__)

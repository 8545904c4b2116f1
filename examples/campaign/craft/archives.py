"""Zip files whose bytes depend only on their content."""

import io
import zipfile
from collections.abc import Mapping

__all__ = ["zipped"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # The first time that a zip file can hold.
_FILE = 0o100644 << 16
_UNIX = 3


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file. The same files give the same bytes, in any process and on any machine.

    So the files are not compressed: the output of deflate depends on the release of zlib.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX  # Otherwise it is that of the machine.
            entry.external_attr = _FILE
            archive.writestr(entry, files[name])
    return buffer.getvalue()

"""The list of the files of an installed distribution."""

from importlib.metadata import PathDistribution
from pathlib import PurePosixPath

from examples.package_audit.record import RecordedFile, recorded_files


def test_the_lines_of_record_are_read_whether_the_files_exist_or_not(tmp_path):
    """A path may contain a comma; other digests than SHA-256 and lines without a size are accepted."""
    record = '"a,b.py",sha256=x-_1,7\nc.py,md5=1,2\nd.py,,\n\n'
    (tmp_path / "RECORD").write_text(record)
    assert recorded_files(PathDistribution(tmp_path)) == [
        RecordedFile(PurePosixPath("a,b.py"), "x-_1", 7),
        RecordedFile(PurePosixPath("c.py"), "", 2),
        RecordedFile(PurePosixPath("d.py")),
    ]


def test_without_record_the_files_of_an_egg_are_listed(tmp_path):
    """Setuptools wrote SOURCES.txt before there was a RECORD."""
    egg = tmp_path / "tiny.egg-info"
    egg.mkdir()
    (egg / "SOURCES.txt").write_text("tiny.py\n")
    (tmp_path / "tiny.py").touch()
    assert recorded_files(PathDistribution(egg)) == [RecordedFile(PurePosixPath("tiny.py"))]


def test_a_distribution_without_any_list_has_no_files(tmp_path):
    """Its audit has nothing to parse."""
    assert recorded_files(PathDistribution(tmp_path)) == []

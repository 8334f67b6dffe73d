from configparser import ConfigParser
from pathlib import Path

from config.version import VERSION

ROOT = Path(__file__).parents[2]


def test_the_package_has_the_same_version():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    assert parser["metadata"]["version"] == VERSION

"""Version: which one this is. setup.cfg says the same."""

VERSION = "0.1.0"

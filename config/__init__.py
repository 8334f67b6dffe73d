"""Config: what the gateway was told, and the arithmetic of money. The bottom layer.

It imports nothing of ours, reads files and the environment only inside `load`, and
hands out frozen records.
"""

from config.settings import ConfigError, Price, PriceBook, Settings, load

__all__ = ["ConfigError", "Price", "PriceBook", "Settings", "load"]

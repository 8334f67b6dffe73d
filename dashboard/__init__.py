"""The web side: accounts, keys, top-ups and transactions for people with a browser.

A plain WSGI application over storage and config. It knows nothing of mitmproxy: the
portal addon calls it from a pool of threads, so everything here may block for a
moment and nothing here may keep state outside the application it belongs to.
"""

from dashboard.app import create_app

__all__ = ["create_app"]

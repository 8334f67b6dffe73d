"""The upstream layer: pooled, clocked, cancellable ways to a provider.

It takes a request and a route and gives events; it knows no money.
"""

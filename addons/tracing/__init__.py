"""Tracing: which trace a request belongs to, and what of it is told a collector."""

"""The inspector: what an operator sees of the traffic.

Workers send redacted copies of what passes (redacting, facts, framing, sending); a
process of its own shows them in mitmweb (web, keeping). Only copies are ever there, so
nothing that is done to them reaches the traffic.
"""

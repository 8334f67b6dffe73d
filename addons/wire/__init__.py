"""Wire: what callers and providers say to each other, as bytes and JSON.

Nothing in this package does input or output, reads a clock, knows a price or imports
mitmproxy. Everything takes bytes or plain values and gives bytes or plain values, so
that each rule can be tried with a table of inputs and no server.
"""

"""The process that shows the traffic: mitmweb over copies, without its levers.

Workers' frames come in over a socket (receiving), become flows (copying, legible), and
are kept up to a limit (shelf). What a browser may ask is a list of its own
(application), behind a door with one password (door).
"""

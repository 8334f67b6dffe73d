"""The gateway's own proxy core: listening, connections, HTTP, hooks, master."""

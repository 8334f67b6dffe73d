"""The ledger in a PostgreSQL database; it needs psycopg, which is an extra."""

"""Filming: how a job gets from its order to its file, one durable step at a time.

`Jobs` decides which jobs go on and when; what one of them does next is here. Each part
knows one thing: where a job may go (`legs`), what may follow a submission that failed
(`outcomes`, `tries`), when to look again (`schedule`), one call to a provider (`calls`),
what is charged (`charging`), and how the file gets here (`keeping`). `steps` puts them
together, and writes each result down before the next step depends on it.
"""

"""Filming: how a job gets from its order to its file, one durable step at a time.

`Jobs` decides which jobs go on and when; what one of them does next is here. Each part
knows one thing: where a job may go (`legs`), what may follow a submission that failed
(`outcomes`, `tries`), when to look again (`schedule`), one call to a provider
(`calls`), what is charged (`charging`), how the file gets here (`keeping`), how a job
ends that came to nothing (`ends`). The steps of `submitting`, `looking` and `storing`
do it by these means (`work`), and `steps` puts them together.
"""

"""The doctor: what of a gateway's machine, files and settings is as it should be.

`table` is the list of what is looked at, each by a small function from the patient to
findings. Nothing is changed, and nothing is asked of a provider unless that is wanted.
"""

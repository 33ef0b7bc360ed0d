"""File, environment and flags -> frozen settings; parsing only.

`file.read` and `file.parse` give what one file says, `resolve.resolve` what holds; nothing is imported here,
so that a run without a configuration file pays for none.
"""

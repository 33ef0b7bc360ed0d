"""The one hardened way to run git. No program is started anywhere else.

Everything is read through plumbing commands with the caller's and the repository's settings overruled:
see `tokenguard.git.runner` for what is set and why.
"""

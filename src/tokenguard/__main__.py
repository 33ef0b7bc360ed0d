"""`python -m tokenguard`: the command line where its program is not on PATH."""

from tokenguard.cli.main import main

main()

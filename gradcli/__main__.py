"""`python -m gradcli` is the same as `gradcli`."""

from gradcli.cli.app import main

main()

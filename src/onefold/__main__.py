"""`python -m onefold` is the command `onefold`."""

from onefold.cli.main import main

main()

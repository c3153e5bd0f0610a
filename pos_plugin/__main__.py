"""`python -m pos_plugin` is `pos-plugin`."""

from pos_plugin.cli import main

main()

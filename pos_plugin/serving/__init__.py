"""The web server in the till: its connections, its keys, and what it serves."""

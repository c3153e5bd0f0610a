"""A head office over years: backup and restore, new versions of the program, and what watches over both."""

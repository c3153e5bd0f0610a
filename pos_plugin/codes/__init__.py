"""What is read at a till: the readers, and who or what a code is."""

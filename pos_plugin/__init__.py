"""The till: checkout, receipts, spooler, local API and page, command line."""

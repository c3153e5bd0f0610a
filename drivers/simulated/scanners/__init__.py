"""The far ends of drivers/scanners: readers that exist only in software, each written from what real ones send."""

"""`sirocco`, the command line."""

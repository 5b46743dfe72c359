"""One suite that every writer passes, on real servers."""

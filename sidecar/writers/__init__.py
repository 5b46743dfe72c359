"""The downstream writers: one file each, behind one Protocol; the registry picks by URL scheme."""

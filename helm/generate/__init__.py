"""What of the charts is made from the program, so that it cannot say anything else: ``make generate`` runs all of it.

Each module writes the files that it is responsible for; a test of tests/packaging compares them.
"""

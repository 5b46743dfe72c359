"""The tests of the sidecar, a folder for each layer; what they run against is in ``parts``."""

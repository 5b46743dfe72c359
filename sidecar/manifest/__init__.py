"""What to put into a pod, for people without Helm: the same container as the chart's, as plain values and as YAML.

It decides nothing about records; it needs no cluster and connects to nothing.
"""

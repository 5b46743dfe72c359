"""The in-process API: the sidecar's engine for producers that are not Kafka.

A thin face on the classes that the sidecar itself runs on, not a second implementation: :mod:`sidecar.core.engine` decides, and
:mod:`sidecar.controller.pump` carries. Its public names are imported from :mod:`sidecar`.
"""

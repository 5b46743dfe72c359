"""A kubelet for tests: what one does with the containers of a pod, as a pure state machine, and a shell that does it to processes.

* :mod:`~tests.parts.kubelet.worker` decides: events of one pod in, starts, hooks and signals out.
* :mod:`~tests.parts.kubelet.pod` acts: real programs on this machine, each container a process.
* :mod:`~tests.parts.kubelet.journal` tells afterwards what happened when.
* :mod:`~tests.parts.kubelet.sample_app` is the application beside the sidecar, a program of the standard library alone.
"""

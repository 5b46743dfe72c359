"""A node of Kubernetes for tests: a real kubelet on a containerd of its own, without an API server. It needs root on Linux.

It runs what lies in its folder of static pods, in the network of this machine (``hostNetwork``: there is no CNI here).

* :mod:`~tests.parts.node.build` has the programs: the kubelet from its sources by Go, once; containerd from Debian.
* :mod:`~tests.parts.node.containerd`, :mod:`~tests.parts.node.kubelet` run them, and leave nothing behind.
* :mod:`~tests.parts.node.sight` tells from their logs what happened to a pod's containers.
"""

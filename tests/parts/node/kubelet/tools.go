//go:build tools

// Package tools names the program that is built, so that go.mod and go.sum list all that it needs.
package tools

import _ "k8s.io/kubernetes/cmd/kubelet"

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
)

// Names come from those who make pods: in a log they stay in their field, on
// their line, and nothing of them reaches a terminal.
func TestNamesForgeNoLog(t *testing.T) {
	const evil = "app\"\nlevel=info msg=\"all is well\"\x1b[2J\r"
	var log bytes.Buffer
	p := &plugin{hook: newHook(t), log: newLogger(&log)}
	pods := []*api.PodSandbox{{Id: "1", Namespace: evil, Name: evil}}
	if _, err := p.Synchronize(t.Context(), pods, []*api.Container{{PodSandboxId: "1", Name: evil}}); err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSuffix(log.String(), "\n")
	if !strings.Contains(line, "all is well") {
		t.Fatalf("the names are not in the log: %q", line)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Contains(line, ` msg="all`) {
		t.Errorf("the log: %q", line)
	}
}

// The plugin copies what a pod asks of the hook, and nothing else: containerd
// keeps a pod's other annotations from a container for a reason.
func TestOnlyAsksAreCopied(t *testing.T) {
	const ask = "oci-sysctl-hook/net.ipv4.tcp_keepalive_time"
	pod := &api.PodSandbox{Annotations: map[string]string{
		ask: "60", "oci-sysctl-hookx/a": "1", "xoci-sysctl-hook/a": "1", "run.oci.hooks.stderr": "/etc/passwd",
		"io.kubernetes.cri.container-name": "other", "io.kubernetes.cri.sandbox-namespace": "kube-system",
	}}
	p := &plugin{hook: newHook(t), log: newLogger(&bytes.Buffer{})}
	got, _, err := p.CreateContainer(t.Context(), pod, &api.Container{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetAnnotations()) != 1 || got.GetAnnotations()[ask] != "60" {
		t.Errorf("annotations: %v", got.GetAnnotations())
	}
}

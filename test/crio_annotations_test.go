package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// annotationsOf are the annotations of a container, in the order in which CRI-O
// writes them (SpecAddAnnotations in internal/factory/container): the pod's own
// first, so that they cannot replace CRI-O's, and the kubelet's labels last.
func (p *crioPod) annotationsOf(container string, attempt int) map[string]string {
	id := fmt.Sprintf("%s-%s-%d", p.name, container, attempt)
	all := maps.Clone(p.annotations)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, map[string]string{
		"io.container.manager":                   "cri-o",
		"io.kubernetes.cri-o.Annotations":        "null",
		"io.kubernetes.cri-o.ContainerID":        id,
		"io.kubernetes.cri-o.ContainerType":      "container",
		"io.kubernetes.cri-o.Created":            "2026-11-23T20:35:59.537631263Z",
		"io.kubernetes.cri-o.Image":              "localhost/bb:latest",
		"io.kubernetes.cri-o.ImageName":          "localhost/bb:latest",
		"io.kubernetes.cri-o.ImageRef":           "ea13443785cc05b4",
		"io.kubernetes.cri-o.ImageRepoDigests":   "localhost/bb@sha256:cadd7aad075f5186",
		"io.kubernetes.cri-o.Labels":             "{}",
		"io.kubernetes.cri-o.LogPath":            "/var/log/pods/" + id + ".log",
		"io.kubernetes.cri-o.Metadata":           fmt.Sprintf(`{"name":%q,"attempt":%d}`, container, attempt),
		"io.kubernetes.cri-o.MountPoint":         rootfsPath(),
		"io.kubernetes.cri-o.Name":               fmt.Sprintf("k8s_%s_%s_%s_%d", container, p.name, p.namespace, attempt),
		"io.kubernetes.cri-o.ResolvPath":         "/run/containers/storage/resolv.conf",
		"io.kubernetes.cri-o.SandboxID":          p.name,
		"io.kubernetes.cri-o.SandboxName":        fmt.Sprintf("k8s_%s_%s_1", p.name, p.namespace),
		"io.kubernetes.cri-o.SeccompProfilePath": "",
		"io.kubernetes.cri-o.Stdin":              "false",
		"io.kubernetes.cri-o.StdinOnce":          "false",
		"io.kubernetes.cri-o.TTY":                "false",
		"io.kubernetes.cri-o.Volumes":            "[]",
		"platform-runtime-path.crio.io":          "",
	})
	maps.Copy(all, map[string]string{
		"io.kubernetes.container.restartCount": fmt.Sprint(attempt),
		"io.kubernetes.container.name":         container,
		"io.kubernetes.pod.name":               p.name,
		"io.kubernetes.pod.namespace":          p.namespace,
		"io.kubernetes.pod.uid":                "uid-of-" + p.name,
	})
	if !p.hostNetwork {
		all["io.kubernetes.cri-o.IP.0"] = "10.99.0.3"
	}
	return all
}

// kubeletAnnotations are what a kubelet gives CRI-O besides; the fixtures were
// recorded with crictl in its place.
var kubeletAnnotations = []string{
	"io.kubernetes.container.restartCount", "io.kubernetes.pod.name", "io.kubernetes.pod.uid",
}

// The containers of these tests are made as a real CRI-O made them.
func TestCRIOModel(t *testing.T) {
	for fixture, pod := range map[string]*crioPod{
		"crio-1.37-runc-1.1.5": {
			name: "pod", namespace: "payments-eu",
			annotations: map[string]string{"oci-sysctl-hook/" + keepaliveProbes: "5"},
		},
		"crio-1.37-hostnetwork": {name: "pod", namespace: "payments-eu", hostNetwork: true},
	} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			recorded := readFixture(t, fixture)
			model := pod.create(t).container("app0", 0)
			want := slices.Sorted(maps.Keys(recorded.Annotations))
			want = slices.Sorted(slices.Values(append(want, kubeletAnnotations...)))
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(model.Annotations))); diff != "" {
				t.Errorf("names of annotations (-CRI-O +here):\n%s", diff)
			}
			if diff := cmp.Diff(shape(recorded), shape(model)); diff != "" {
				t.Errorf("namespaces (-CRI-O +here):\n%s", diff)
			}
			if recorded.Linux.Sysctl != nil || model.Linux.Sysctl != nil {
				t.Errorf("linux.sysctl: CRI-O %v, here %v", recorded.Linux.Sysctl, model.Linux.Sysctl)
			}
		})
	}
}

func readFixture(t *testing.T, name string) *specs.Spec {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(fixtureDir, name, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(content, &spec); err != nil {
		t.Fatal(err)
	}
	return &spec
}

// shape tells how a container gets each namespace: a new one, or by the
// directory of the path that it joins.
func shape(spec *specs.Spec) []string {
	var shapes []string
	for _, ns := range spec.Linux.Namespaces {
		from := "new"
		if ns.Path != "" {
			from = filepath.Base(filepath.Dir(ns.Path))
		}
		shapes = append(shapes, string(ns.Type)+" "+from)
	}
	return shapes
}

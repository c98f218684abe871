package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/nri/pkg/api"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// newHook is a hook that is there.
func newHook(t *testing.T) hook {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return hook{Path: path, Args: []string{"--log=none"}, Timeout: 7}
}

// hooksOf is what a container with the hooks has.
func hooksOf(hooks ...*api.Hook) *api.Hooks { return &api.Hooks{CreateRuntime: hooks} }

var messages = cmp.Options{
	cmpopts.IgnoreUnexported(api.ContainerAdjustment{}, api.Hooks{}, api.Hook{}, api.OptionalInt{}),
	cmpopts.EquateEmpty(),
}

func TestCreateContainer(t *testing.T) {
	h := newHook(t)
	own := &api.Hook{Path: h.Path, Args: []string{"hook", "--log=none"}, Timeout: api.Int(7)}
	other := &api.Hook{Path: "/usr/bin/other"}
	const ask = "oci-sysctl-hook/net.ipv4.tcp_keepalive_time"
	for name, test := range map[string]struct {
		pod       *api.PodSandbox
		container *api.Container
		want      *api.ContainerAdjustment
	}{
		"plain": {
			&api.PodSandbox{}, &api.Container{},
			&api.ContainerAdjustment{Hooks: hooksOf(own)},
		},
		"another hook": {
			&api.PodSandbox{}, &api.Container{Hooks: hooksOf(other)},
			&api.ContainerAdjustment{Hooks: hooksOf(own)},
		},
		"has the hook": {
			&api.PodSandbox{}, &api.Container{Hooks: hooksOf(other, own)},
			&api.ContainerAdjustment{},
		},
		"pod asks": {
			&api.PodSandbox{Annotations: map[string]string{ask: "60", "tier": "gold", "oci-sysctl-hook": "x"}}, &api.Container{},
			&api.ContainerAdjustment{Hooks: hooksOf(own), Annotations: map[string]string{ask: "60"}},
		},
		"container has the ask": {
			&api.PodSandbox{Annotations: map[string]string{ask: "60"}}, &api.Container{Annotations: map[string]string{ask: "90"}},
			&api.ContainerAdjustment{Hooks: hooksOf(own)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &plugin{hook: h, log: newLogger(io.Discard)}
			got, updates, err := p.CreateContainer(t.Context(), test.pod, test.container)
			if err != nil || updates != nil {
				t.Fatalf("updates %v, error %v", updates, err)
			}
			if diff := cmp.Diff(test.want, got, messages); diff != "" {
				t.Errorf("adjustment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigure(t *testing.T) {
	h := newHook(t)
	other := newHook(t)
	for name, test := range map[string]struct {
		config string
		want   hook
		err    string
	}{
		"nothing": {"", h, ""},
		"all":     {"hook = \"" + other.Path + "\"\nhook_args = [\"-a\", \"b c\"]\ntimeout = 3", hook{other.Path, []string{"-a", "b c"}, 3}, ""},
		"one":     {"timeout = 3", hook{h.Path, h.Args, 3}, ""},

		"unknown key":   {"[a]\nhook = \"/h\"", hook{}, `oci-sysctl-nri: configuration: unknown key "a"`},
		"no TOML":       {"hook", hook{}, "oci-sysctl-nri: configuration: "},
		"wrong type":    {"timeout = \"3s\"", hook{}, "oci-sysctl-nri: configuration: "},
		"relative hook": {"hook = \"h\"", hook{}, `oci-sysctl-nri: hook "h": not an absolute path`},
		"no time":       {"timeout = 0", hook{}, "oci-sysctl-nri: timeout 0: "},
		"no hook":       {"hook = \"/nonexistent/h\"", hook{}, "oci-sysctl-nri: hook: stat /nonexistent/h: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &plugin{hook: h, log: newLogger(io.Discard)}
			// An error would make containerd go on without the plugin.
			if events, err := p.Configure(t.Context(), test.config, "containerd", "v2.2.9"); events != 0 || err != nil {
				t.Fatalf("Configure: %v, %v", events, err)
			}
			_, _, err := p.CreateContainer(t.Context(), &api.PodSandbox{}, &api.Container{})
			if test.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.err) {
					t.Errorf("CreateContainer: %v, want %s", err, test.err)
				}
				return
			}
			if diff := cmp.Diff(test.want, p.hook); diff != "" || err != nil {
				t.Errorf("error %v; hook (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A hook that comes back is found again.
func TestHookReturns(t *testing.T) {
	p := &plugin{hook: newHook(t), log: newLogger(io.Discard)}
	if err := os.Rename(p.hook.Path, p.hook.Path+".away"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.CreateContainer(t.Context(), nil, nil); err == nil {
		t.Error("no error without the hook")
	}
	if err := os.Rename(p.hook.Path+".away", p.hook.Path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.CreateContainer(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
}

func TestSynchronizeNamesContainersWithoutHook(t *testing.T) {
	h := newHook(t)
	pods := []*api.PodSandbox{{Id: "1", Namespace: "shop", Name: "till-0"}}
	with := &api.Container{PodSandboxId: "1", Name: "with", Hooks: hooksOf(h.oci())}
	for name, test := range map[string]struct {
		containers []*api.Container
		want       string
	}{
		"none":    {nil, ""},
		"all":     {[]*api.Container{with}, ""},
		"one not": {[]*api.Container{with, {PodSandboxId: "1", Name: "app"}}, "shop/till-0/app"},
		"no pod":  {[]*api.Container{{PodSandboxId: "2", Name: "app"}}, "//app"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			p := &plugin{hook: h, log: newLogger(&log)}
			if updates, err := p.Synchronize(t.Context(), pods, test.containers); updates != nil || err != nil {
				t.Fatalf("Synchronize: %v, %v", updates, err)
			}
			warned := strings.Contains(log.String(), "1 containers were started without the hook")
			if warned != (test.want != "") || !strings.Contains(log.String(), test.want) {
				t.Errorf("log is %q, want a warning for %q", log.String(), test.want)
			}
		})
	}
}

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// audited is what audit says, as far as the tests look.
type audited struct {
	Containers []struct {
		ID, Runtime, Bundle, Error, Container string
		Pod                                   string
		PodNamespace                          string `json:"pod_namespace"`
		Pid                                   int
		HostNetwork                           bool `json:"host_network"`
		Hooked                                bool
		Keys                                  []struct{ Key, Status, Want, Now string }
	}
	Errors []string
}

func audit(t *testing.T, args ...string) (audited, int) {
	t.Helper()
	got := policyCommand(t, append([]string{"audit", "-o", "json"}, args...)...)
	return decodeAudit(t, got), got.code
}

func decodeAudit(t *testing.T, got result) (a audited) {
	t.Helper()
	if err := json.Unmarshal([]byte(got.stdout), &a); err != nil {
		t.Fatalf("audit: exit %d: %v: %s%s", got.code, err, got.stdout, got.stderr)
	}
	return a
}

// stands is how each key of a container stands.
func (a audited) stands(id string) map[string]string {
	for _, c := range a.Containers {
		if c.ID != id {
			continue
		}
		status := make(map[string]string)
		for _, key := range c.Keys {
			status[key.Key] = key.Status
		}
		return status
	}
	return nil
}

// running starts a container that runs until the test ends, and returns its ID
// and the runtime's root.
func (r *ociRuntime) running(t *testing.T, spec *specs.Spec) (id, root string) {
	t.Helper()
	id, root = newID(), t.TempDir()
	bundle := t.TempDir()
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	ended := make(chan result, 1)
	go func() {
		got, _ := r.command("--root", root, "run", "--bundle", bundle, id)
		ended <- got
	}()
	t.Cleanup(func() {
		_, _ = r.command("--root", root, "kill", id, "KILL") // it may have ended
		<-ended                                              // the runtime removes it
		r.remove(t, root, id)
	})
	for range 100 {
		if a, _ := audit(t, "--policy-dir", t.TempDir(), "--state-root", root); len(a.Containers) == 1 {
			return id, root
		}
		select {
		case got := <-ended:
			ended <- got // for the cleanup
			t.Fatalf("the container ended: exit %d: %s%s", got.code, got.stdout, got.stderr)
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("audit does not find the container")
	return "", ""
}

// TestAudit has a container drift, and end.
func TestAudit(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		policy := policyDir(t, keepalivePolicy)
		spec := newSpec("sleep", "300")
		spec.Annotations = map[string]string{
			"io.kubernetes.cri.sandbox-namespace": "payments", "io.kubernetes.cri.sandbox-name": "till-0",
			"io.kubernetes.cri.container-name": "app", "bundle": "/not/this",
		}
		createRuntime(spec, hookWith(policy))
		id, root := r.running(t, spec)
		args := []string{"--policy-dir", policy, "--state-root", root}

		a, code := audit(t, args...)
		want := map[string]string{keepaliveTime: "ok", keepaliveIntvl: "ok", keepaliveProbes: "ok"}
		if diff := cmp.Diff(want, a.stands(id)); diff != "" || code != 0 {
			t.Errorf("exit %d (-want +got):\n%s", code, diff)
		}
		if c := a.Containers[0]; !c.Hooked || c.HostNetwork || c.Error != "" || c.PodNamespace != "payments" || c.Pod != "till-0" || c.Container != "app" {
			t.Errorf("the container: %+v", c)
		}

		netnsOf(t, a.Containers[0].Pid).set(t, keepaliveTime, "601")
		a, code = audit(t, args...)
		want[keepaliveTime] = "drift"
		if diff := cmp.Diff(want, a.stands(id)); diff != "" || code != 1 {
			t.Errorf("after a change: exit %d (-want +got):\n%s", code, diff)
		}
		if p, got := plan(t, append(args, id[:len(id)-1])...); !p.Starts || got.code != 0 || len(p.Decisions) != len(want) {
			t.Errorf("plan by the beginning of the ID: exit %d: %+v", got.code, p)
		}

		if got, err := r.command("--root", root, "kill", id, "KILL"); err != nil || got.code != 0 {
			t.Fatalf("kill: %v, exit %d: %s", err, got.code, got.stderr)
		}
		for range 100 {
			if a, code = audit(t, args...); len(a.Containers) == 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if len(a.Containers) != 0 || code != 0 || a.Errors != nil {
			t.Errorf("after its end: exit %d: %+v", code, a)
		}
	})
}

func TestAuditOfHostNetworkWithoutHook(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		spec := newSpec("sleep", "300")
		shareHost(spec, specs.NetworkNamespace)
		id, root := r.running(t, spec)
		a, code := audit(t, "--policy-dir", policyDir(t, keepalivePolicy), "--state-root", root)
		want := map[string]string{keepaliveTime: "host", keepaliveIntvl: "host", keepaliveProbes: "host"}
		if diff := cmp.Diff(want, a.stands(id)); diff != "" || code != 0 {
			t.Errorf("exit %d (-want +got):\n%s", code, diff)
		}
		if c := a.Containers[0]; c.Hooked || !c.HostNetwork {
			t.Errorf("the container: %+v", c)
		}
	})
}

// podman's containers are found where its runtimes keep their state by
// themselves.
func TestAuditFindsPodman(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		p.useInstalled(t)
		id := strings.TrimSpace(p.do(t, "inspect", "--format", "{{.Id}}", p.start(t, "--network=none")))
		a, _ := audit(t, "--policy-dir", policyDir(t, keepalivePolicy))
		want := map[string]string{keepaliveTime: "ok", keepaliveIntvl: "ok", keepaliveProbes: "ok"}
		if diff := cmp.Diff(want, a.stands(id)); diff != "" {
			t.Errorf("container %s (-want +got):\n%s", id, diff)
		}
		for _, c := range a.Containers {
			if c.ID == id && (!c.Hooked || filepath.Base(c.Bundle) != "userdata") {
				t.Errorf("the container: %+v", c)
			}
		}
		if _, got := plan(t, "--policy-dir", policyDir(t, keepalivePolicy), id[:20]); got.code != 0 {
			t.Errorf("plan: exit %d: %s", got.code, got.stderr)
		}
	})
}

// Root audits the containers of users too, where their runtimes keep state.
func TestAuditFindsRootlessPodman(t *testing.T) {
	store := newRootlessStore(t)
	for _, runtime := range podmanRuntimes {
		t.Run(runtime, func(t *testing.T) {
			needPrograms(t, runtime)
			hostUntouched(t)
			p := store.podman(t, runtime)
			p.useInstalled(t)
			id := strings.TrimSpace(p.do(t, "inspect", "--format", "{{.Id}}", p.start(t, "--network=none")))
			a, _ := audit(t, "--policy-dir", policyDir(t, keepalivePolicy), "--state-root", filepath.Join(p.base, "xdg", runtime))
			want := map[string]string{keepaliveTime: "ok", keepaliveIntvl: "ok", keepaliveProbes: "ok"}
			if diff := cmp.Diff(want, a.stands(id)); diff != "" {
				t.Errorf("container %s (-want +got):\n%s\n%+v", id, diff, a)
			}
		})
	}
}

// The audit of a full node, the whole command, must be quick enough to be run
// every few minutes.
func TestAuditOfThousandContainers(t *testing.T) {
	needRoot(t)
	const many, limit = 1000, 2 * time.Second
	root, bundles := t.TempDir(), t.TempDir()
	for n := range many {
		pid := startProcess(t, syscall.CLONE_NEWNET|syscall.CLONE_NEWIPC|syscall.CLONE_NEWUTS)
		spec := newSpec("true")
		if n%2 == 0 {
			joinNetwork(spec, fmt.Sprintf("/proc/%d/ns/net", pid))
		}
		bundle := filepath.Join(bundles, fmt.Sprint(n))
		if err := os.Mkdir(bundle, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeBundle(bundle, spec); err != nil {
			t.Fatal(err)
		}
		addRuncState(t, root, fmt.Sprintf("c%03d", n), pid, bundle)
	}
	got := policyCommand(t, "audit", "-o", "json", "--policy-dir", policyDir(t, keepalivePolicy), "--state-root", root)
	drifted := 0
	for _, c := range decodeAudit(t, got).Containers {
		for _, key := range c.Keys {
			if key.Status == "drift" {
				drifted++
			}
		}
	}
	if drifted != 3*many || got.code != 1 {
		t.Errorf("exit %d, %d sysctls drifted, want %d", got.code, drifted, 3*many)
	}
	t.Logf("%d containers in %v", many, got.took)
	if got.took > limit {
		t.Errorf("%d containers in %v, want less than %v", many, got.took, limit)
	}
}

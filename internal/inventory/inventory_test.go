package inventory

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

const crunStatus = `{"pid": 7, "bundle": "/b"}`

func TestList(t *testing.T) {
	root := t.TempDir()
	place(t, root, "runc/b", "state.json", sample(t, "runc-1.5.2.json"))
	place(t, root, "runc/a", "state.json", sample(t, "runc-1.1.5.json"))
	place(t, root, "runc/being-made", "exec.fifo", "")
	place(t, root, "crun/c", "status", crunStatus)
	place(t, root, "containerd/k8s.io/a", "state.json", sample(t, "runc-1.5.2.json"))
	place(t, root, "containerd/moby/d", "state.json", sample(t, "runc-1.5.2.json"))
	place(t, root, "containerd/moby/too/deep", "status", crunStatus)
	place(t, root, "runc/broken", "state.json", "{")
	place(t, root, "crun/broken", "status", `{"pid": 7}`)

	got, err := List([]string{root + "/runc", root + "/none", root + "/crun", root + "/containerd"})
	var states []string
	for _, c := range got {
		states = append(states, strings.TrimPrefix(c.State, root+"/"))
	}
	want := []string{"containerd/k8s.io/a", "runc/a", "runc/b", "crun/c", "containerd/moby/d"}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if err == nil || !strings.Contains(err.Error(), "/runc/broken: state.json: ") || !strings.Contains(err.Error(), "/crun/broken: bundle ") {
		t.Errorf("error %v, want the two that are broken", err)
	}
}

func TestListOfFile(t *testing.T) {
	place(t, t.TempDir(), "x", "y", "")
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := List([]string{path}); err == nil || got != nil {
		t.Errorf("%v, %v; want an error", got, err)
	}
}

func TestRoots(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/home/me/run/")
	roots := Roots()
	for _, want := range []string{"/run/runc", "/run/crun", "/run/containerd/runc", "/run/docker/runtime-runc", "/home/me/run/runc", "/home/me/run/crun", "/home/me/run/docker/runtime-runc"} {
		if !slices.Contains(roots, want) {
			t.Errorf("%s is missing in %v", want, roots)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", "relative")
	for _, root := range Roots() {
		if !filepath.IsAbs(root) {
			t.Errorf("root %q", root)
		}
	}
}

func TestPick(t *testing.T) {
	var containers []Container
	for _, id := range []string{"ab", "abc", "abd", "b1", "b2", "b3", "b4", "b5", "b6", "z", "z"} {
		containers = append(containers, Container{ID: id, State: "/run/" + id})
	}
	for _, test := range []struct{ id, want, err string }{
		{id: "ab", want: "ab"},
		{id: "abc", want: "abc"},
		{id: "b1", want: "b1"},
		{id: "a", err: "3 containers' IDs begin with"},
		{id: "b", err: "b1, b2, b3, b4, b5, ..."},
		{id: "c", err: "no bundle, and no running container has an ID that begins so"},
		{id: "z", err: `2 containers have the ID "z": /run/z, /run/z`},
		{id: "", err: "11 containers"},
	} {
		got, err := Pick(containers, test.id)
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: error %v, want one with %q", test.id, err, test.err)
			}
		case err != nil || got.ID != test.want:
			t.Errorf("%q: %v, %v; want %s", test.id, got, err, test.want)
		}
	}
}

func TestPin(t *testing.T) {
	proc := nstest.OpenProc(t)
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	process, err := spec.Pin(proc, pid)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Close()
	start, err := process.StartTime()
	if err != nil {
		t.Fatal(err)
	}

	check := func(name string, c Container, want error) {
		t.Helper()
		process, err := c.Pin(proc)
		if err == nil {
			_ = process.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	check("it runs", Container{Pid: pid, Start: start}, nil)
	check("its start is not known", Container{Pid: pid}, nil)
	check("its pid is another's", Container{Pid: pid, Start: start - 1}, spec.ErrEnded)
	check("it has stopped", Container{Pid: 0}, spec.ErrEnded)
	check("it never had one", Container{Pid: -1}, spec.ErrEnded)
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	check("it has ended", Container{Pid: pid, Start: start}, spec.ErrEnded)
}

package containerd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// witness is a hook that only keeps what it is given.
type witness struct{ path, dir string }

// seen is what a hook was given.
type seen struct {
	State  specs.State
	Config specs.Spec
}

func (n *node) newWitness(t *testing.T) witness {
	t.Helper()
	w := witness{dir: filepath.Join(n.dir, "seen")}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.path = n.write(t, "witness", fmt.Sprintf("#!/bin/sh\ncat >%[1]s/$$.state && cp config.json %[1]s/$$.config\n", w.dir))
	if err := os.Chmod(w.path, 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

// all gives what the hook was given, by container.
func (w witness) all(t *testing.T) map[string]seen {
	t.Helper()
	states, err := filepath.Glob(w.dir + "/*.state")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]seen{}
	for _, path := range states {
		var s seen
		readJSON(t, path, &s.State)
		readJSON(t, path[:len(path)-len("state")]+"config", &s.Config)
		all[s.State.ID] = s
	}
	return all
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// pauseConfig is the config.json of a pod's own container.
func (s *sandbox) pauseConfig(t *testing.T) specs.Spec {
	t.Helper()
	var config specs.Spec
	readJSON(t, filepath.Join(s.node.dir, "state/io.containerd.runtime.v2.task/k8s.io", s.id, "config.json"), &config)
	return config
}

// pausePid is the process of a pod's own container.
func (s *sandbox) pausePid(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.node.dir, "state/io.containerd.runtime.v2.task/k8s.io", s.id, "init.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// saw tells whether the hook ran for a container.
func (w witness) saw(t *testing.T, id string) bool {
	t.Helper()
	_, ok := w.all(t)[id]
	return ok
}

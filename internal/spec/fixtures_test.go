package spec

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

// fixtures are the directories with what real runtimes gave a hook.
func fixtures(t testing.TB) []string {
	t.Helper()
	states, err := filepath.Glob("testdata/*/state.json")
	if err != nil || len(states) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var dirs []string
	for _, state := range states {
		dirs = append(dirs, filepath.Dir(state))
	}
	return dirs
}

func TestFixtures(t *testing.T) {
	for _, dir := range fixtures(t) {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(filepath.Join(dir, "state.json"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			state, err := ReadState(int(f.Fd()), StateTimeout)
			if err != nil {
				t.Fatal(err)
			}
			config, err := ReadConfig(dir)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, name, summary(state, config))
		})
	}
}

// summary is what the project takes from the two documents.
func summary(state *specs.State, config *specs.Spec) string {
	var text strings.Builder
	fmt.Fprintf(&text, "id %s\npid %d\nbundle %s\n", state.ID, state.Pid, state.Bundle)
	list(&text, "state annotation", state.Annotations)
	list(&text, "annotation", config.Annotations)
	list(&text, "sysctl", config.Linux.Sysctl)
	for _, t := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace} {
		kind, path := KindOf(config, t)
		fmt.Fprintln(&text, strings.TrimSpace(fmt.Sprintf("namespace %s: %s %s", t, kind, path)))
	}
	return text.String()
}

func list(text *strings.Builder, what string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(text, "%s %s = %q\n", what, name, values[name])
	}
}

package test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// fixtureDir holds what runtimes gave a hook; internal/spec is tested with it.
const fixtureDir = "../internal/spec/testdata"

var (
	versionLine = regexp.MustCompile(`^(\w+) version ([0-9]+\.[0-9]+\.[0-9]+)`)
	statePid    = regexp.MustCompile(`("pid": ?)[0-9]+`)
)

// TestFixtures compares what each runtime gives a hook with what it gave when
// the fixtures were recorded: go test ./test -run TestFixtures -update
func TestFixtures(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		dir := filepath.Join(fixtureDir, r.version(t))
		for name, got := range r.record(t) {
			path := filepath.Join(dir, name)
			if *update {
				storeFixture(t, path, got)
				continue
			}
			want, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				unavailable(t, "%s is not recorded; run with -update", path)
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-recorded +now):\n%s", path, diff)
			}
		}
	})
}

func storeFixture(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(content))
}

// version names the runtime as it names itself.
func (r *ociRuntime) version(t *testing.T) string {
	t.Helper()
	got, err := r.command("--version")
	if err != nil {
		t.Fatal(err)
	}
	m := versionLine.FindStringSubmatch(got.stdout)
	if m == nil {
		t.Fatalf("%s says no version: %q", r.name, got.stdout)
	}
	return m[1] + "-" + m[2]
}

// record runs a container whose hook keeps its input, with all in it that
// differs from run to run made the same.
func (r *ociRuntime) record(t *testing.T) map[string][]byte {
	t.Helper()
	dir, pod, bundle, root, id := t.TempDir(), newNetns(t), t.TempDir(), t.TempDir(), newID()
	spec := newSpec("true")
	joinNetwork(spec, pod.path())
	spec.Annotations = map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900", "tier": "gold"}
	spec.Linux.Sysctl = map[string]string{keepaliveIntvl: "20"}
	createRuntime(spec, specs.Hook{
		Path: "/bin/sh",
		Args: []string{"sh", "-c", `cat >"$0/state.json" && cp config.json "$0"`, dir},
		Env:  []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
	})
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.remove(t, root, id) })
	got, err := r.command("--root", root, "run", "--bundle", bundle, id)
	if err != nil || got.code != 0 {
		t.Fatalf("%v, exit %d: %s", err, got.code, got.stderr)
	}
	same := map[string]string{
		dir: "/run/recorder", bundle: "/run/bundle", rootfsPath(): "/run/rootfs", pod.path(): "/run/netns/pod", id: "recorded",
	}
	recorded := make(map[string][]byte)
	for _, name := range []string{"state.json", "config.json"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for from, to := range same {
			content = bytes.ReplaceAll(content, []byte(from), []byte(to))
		}
		recorded[name] = statePid.ReplaceAll(content, []byte("${1}4242"))
	}
	return recorded
}

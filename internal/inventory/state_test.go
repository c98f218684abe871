package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// place writes a state file into a directory below root.
func place(t *testing.T, root, dir, file, content string) {
	t.Helper()
	path := filepath.Join(root, dir)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, file), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sample is what a real runtime wrote.
func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		file, content string
		want          Container
		err           string
	}{
		"runc 1.1.5":                {file: "state.json", content: sample(t, "runc-1.1.5.json"), want: Container{Runtime: "runc", Bundle: "/bundles/web", Pid: 15384, Start: 242095}},
		"runc 1.5.2":                {file: "state.json", content: sample(t, "runc-1.5.2.json"), want: Container{Runtime: "runc", Bundle: "/bundles/web", Pid: 15401, Start: 242098}},
		"crun 1.8.1":                {file: "status", content: sample(t, "crun-1.8.1.json"), want: Container{Runtime: "crun", Bundle: "/bundles/web", Pid: 15412, Start: 242101}},
		"crun without a start time": {file: "status", content: `{"pid": 7, "bundle": "/b"}`, want: Container{Runtime: "crun", Bundle: "/b", Pid: 7}},
		// An annotation may be named as the label is.
		"two bundles": {file: "state.json", content: `{"config": {"labels": ["bundle=/fake", "bundle=/b", "bundled=/c"]}}`, want: Container{Runtime: "runc", Bundle: "/b"}},

		"no bundle":       {file: "state.json", content: `{"config": {"labels": ["a=b"]}}`, err: "not an absolute path"},
		"relative bundle": {file: "status", content: `{"bundle": "b"}`, err: "not an absolute path"},
		"runc cut off":    {file: "state.json", content: `{"config"`, err: "state.json: "},
		"crun cut off":    {file: "status", content: ``, err: "status: "},
		"another file":    {file: "exec.fifo", content: ``, err: errNoState.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			place(t, root, "web", test.file, test.content)
			got, err := read(filepath.Join(root, "web"))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			want.ID, want.State = "web", filepath.Join(root, "web")
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("container (-want +got):\n%s", diff)
			}
		})
	}
}

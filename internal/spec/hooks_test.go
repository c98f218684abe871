package spec

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadHooks(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		want   []string
		bad    bool
	}{
		"none":    {config: `{"ociVersion": "1.0.2"}`},
		"null":    {config: `{"hooks": null}`},
		"no path": {config: `{"hooks": {"createRuntime": [{"args": ["x"]}]}}`},
		"both stages": {
			config: `{"hooks": {"createRuntime": [{"path": "/a", "args": ["b"]}, {"path": "/c"}], "prestart": [{"path": "/d"}]}}`,
			want:   []string{"/a", "/c", "/d"},
		},
		"other stages": {config: `{"hooks": {"createContainer": [{"path": "/a"}], "startContainer": [{"path": "/b"}], "poststart": null}}`},
		"no object":    {config: `{"hooks": []}`, bad: true},
		"no array":     {config: `{"hooks": {"prestart": {}}}`, bad: true},
		"cut off":      {config: `{"hooks": {"prestart": [`, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(test.config), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := ReadHooks(dir)
			if (err != nil) != test.bad {
				t.Fatalf("error %v, want one: %t", err, test.bad)
			}
			if diff := cmp.Diff(test.want, got); !test.bad && diff != "" {
				t.Errorf("hooks (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := ReadHooks(t.TempDir()); err == nil {
		t.Error("no error without config.json")
	}
}

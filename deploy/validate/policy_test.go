package validate

import (
	"path/filepath"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// wantLoads fails the test unless the files are a policy with a rule in each.
func wantLoads(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		writeFile(t, filepath.Join(dir, name), []byte(content), 0o644)
	}
	p, err := policy.Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Files) != len(files) || len(p.Rules) < len(files) {
		t.Errorf("%d files with %d rules, want %d with one each", len(p.Files), len(p.Rules), len(files))
	}
}

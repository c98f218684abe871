// Package licenses compares docs/licenses.md with the licences of the modules
// that are linked into the programs.
package licenses

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/licensecheck"
)

// minimum is how much of a licence's file, in per cent, must be the licence.
const minimum = 90

// modules are the directories of the linked modules, by name.
func modules(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "./cmd/...")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if module, dir, found := strings.Cut(strings.TrimSpace(line), " "); found {
			dirs[module] = dir
		}
	}
	return dirs
}

// listed are the licences in docs/licenses.md, by module.
func listed(t *testing.T) map[string]string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/licenses.md")
	if err != nil {
		t.Fatal(err)
	}
	licenses := map[string]string{}
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && strings.Contains(cells[1], "/") {
			licenses[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
		}
	}
	return licenses
}

// found is the licence that a module's file has.
func found(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	if err != nil || len(files) != 1 {
		return strings.Join(files, ", ")
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	coverage := licensecheck.Scan(text)
	if coverage.Percent < minimum {
		t.Errorf("%s: only %.0f %% of it is a known licence", files[0], coverage.Percent)
	}
	var ids []string
	for _, match := range coverage.Match {
		ids = append(ids, match.ID)
	}
	slices.Sort(ids) // a text and what it says to put into files are two
	return strings.Join(slices.Compact(ids), " AND ")
}

func TestLicenses(t *testing.T) {
	got := map[string]string{}
	for module, dir := range modules(t) {
		got[module] = found(t, dir)
	}
	if diff := cmp.Diff(got, listed(t)); diff != "" {
		t.Errorf("docs/licenses.md (-found +listed):\n%s", diff)
	}
}

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/licenses.md lists each module that is linked into a program, and no other.
func TestLicensesAreListed(t *testing.T) {
	listed := map[string][]string{}
	for _, cells := range licenseRows(t) {
		for program := range strings.SplitSeq(cells[2], ",") {
			name := strings.TrimSpace(program)
			listed[name] = append(listed[name], cells[0])
		}
	}
	linked := map[string][]string{}
	for _, program := range []string{"hook", "nri", "policy"} {
		linked["oci-sysctl-"+program] = modulesOf(t, "../cmd/"+program)
	}
	if diff := cmp.Diff(linked, listed); diff != "" {
		t.Errorf("docs/licenses.md (-linked +listed):\n%s", diff)
	}
}

// licenseRows are the lines of the table in docs/licenses.md: a module, its
// licence, and the programs that it is in.
func licenseRows(t *testing.T) (rows [][3]string) {
	t.Helper()
	doc, err := os.ReadFile("../docs/licenses.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, "|")
		if len(cells) == 5 && strings.Contains(cells[1], "/") {
			rows = append(rows, [3]string{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])})
		}
	}
	return rows
}

// modulesOf lists the modules of others that a program is linked with, sorted.
func modulesOf(t *testing.T, program string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	return slices.Compact(modules)
}

// What tells licences apart has a module of its own.
func TestLicensesAreTheModules(t *testing.T) {
	const dir = "licenses"
	if out, err := goIn(dir, "mod", "download"); err != nil {
		unavailable(t, "the modules of %s cannot be had: %v\n%s", dir, err, out)
	}
	if out, err := goIn(dir, "test", "-count=1", "./..."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The packages hold the licence of all that is linked, as those ask for: word
// for word, with the notices that come with them.
func TestPackageHoldsLicenses(t *testing.T) {
	needPrograms(t, "dpkg-deb")
	shipped := must(t, "sh", "-ec", `dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/doc/oci-sysctl-hook/licenses`, "sh", packageOf(t, "deb"))
	texts := 0
	for _, program := range programs {
		for _, dir := range moduleDirs(t, "../cmd/"+strings.TrimPrefix(program, "oci-sysctl-")) {
			found, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range found {
				name := filepath.Base(path)
				if !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "NOTICE") {
					continue
				}
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				texts++
				if !strings.Contains(shipped, string(text)) {
					t.Errorf("the package does not hold %s", path)
				}
			}
		}
	}
	golang, err := os.ReadFile(filepath.Join(strings.TrimSpace(must(t, "go", "env", "GOROOT")), "LICENSE"))
	if err != nil || !strings.Contains(shipped, string(golang)) {
		t.Errorf("the package does not hold the licence of Go (%v)", err)
	}
	if texts < len(licenseRows(t)) {
		t.Errorf("%d texts found for %d modules", texts, len(licenseRows(t)))
	}
}

// moduleDirs are where the modules are that a program is linked with.
func moduleDirs(t *testing.T, program string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Dir}}{{end}}{{end}}", program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := strings.Fields(string(out))
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

package test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/licenses.md lists each module that is linked into a program, and no other.
func TestLicensesAreListed(t *testing.T) {
	doc, err := os.ReadFile("../docs/licenses.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{}
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "/") {
			continue
		}
		for program := range strings.SplitSeq(cells[3], ",") {
			name := strings.TrimSpace(program)
			listed[name] = append(listed[name], strings.TrimSpace(cells[1]))
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

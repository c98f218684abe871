package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

// What the hook imports is what every start of a container pays for: none of
// what oci-sysctl-policy needs may get in. A new package is to be wanted.
func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for line := range strings.Lines(string(out)) {
		standard, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		// How the standard library is made inside differs between Go's versions.
		if standard == "true" && (strings.Contains(path, "internal") || strings.HasPrefix(path, "vendor/")) {
			continue
		}
		imports = append(imports, path)
	}
	slices.Sort(imports)
	golden.Check(t, "imports", strings.Join(imports, "\n")+"\n")
}

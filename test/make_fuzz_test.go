package test

import (
	"os"
	"strings"
	"testing"
)

// fuzzModule is a module with one package, for make fuzz.
func fuzzModule(t *testing.T, content string) result {
	t.Helper()
	needPrograms(t, "make")
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	dir := tree(t.TempDir())
	writeFile(t, dir.path("Makefile"), string(makefile))
	writeFile(t, dir.path("go.mod"), "module example.org/fuzz\n\ngo 1.26.0\n")
	if err := os.MkdirAll(dir.path("internal/p"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir.path("internal/p/p_test.go"), content)
	return dir.try(t, "fuzz", "FUZZTIME=1x")
}

func TestMakeFuzz(t *testing.T) {
	const target = `package p

import "testing"

func FuzzIt(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) { BODY })
}
`
	for name, test := range map[string]struct {
		body string
		ok   bool
	}{
		"passes":           {"", true},
		"fails":            {`t.Error("found")`, false},
		"does not compile": {"nothing()", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := fuzzModule(t, strings.Replace(target, "BODY", test.body, 1))
			if (got.code == 0) != test.ok {
				t.Errorf("exit %d, want success %t: %s%s", got.code, test.ok, got.stdout, got.stderr)
			}
			if test.ok && !strings.Contains(got.stdout, "FuzzIt") {
				t.Errorf("FuzzIt was not fuzzed: %s", got.stdout)
			}
		})
	}
}

// A file that is no Go is no success either.
func TestMakeFuzzNoGo(t *testing.T) {
	if got := fuzzModule(t, "nothing"); got.code == 0 {
		t.Errorf("exit 0: %s%s", got.stdout, got.stderr)
	}
}

package test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// SECURITY.md names a test for each threat: they are there.
func TestThreatsHaveTests(t *testing.T) {
	security, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("grep", "-rhoE", `^func (Test|Fuzz)\w+`, "--include=*_test.go", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := strings.Fields(strings.ReplaceAll(string(out), "func ", ""))
	named := regexp.MustCompile("`((Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(security), -1)
	if len(named) == 0 {
		t.Fatal("SECURITY.md names no test")
	}
	for _, match := range named {
		if !slices.Contains(there, match[1]) {
			t.Errorf("SECURITY.md names %s, which does not exist", match[1])
		}
	}
}

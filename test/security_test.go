package test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")

// SECURITY.md names tests for each threat: they are there.
func TestThreatsHaveTests(t *testing.T) {
	security := readAny(t, "../SECURITY.md")
	out, err := exec.Command("grep", "-rhoE", `^func (Test|Fuzz)\w+`, "--include=*_test.go", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	there := strings.Fields(strings.ReplaceAll(string(out), "func ", ""))
	for _, match := range testName.FindAllStringSubmatch(security, -1) {
		if !slices.Contains(there, match[1]) {
			t.Errorf("SECURITY.md names %s, which does not exist", match[1])
		}
	}
	threats := threatRows(security)
	if len(threats) == 0 {
		t.Fatal("SECURITY.md names no threat")
	}
	for _, row := range threats {
		if cells := strings.Split(strings.Trim(row, "| "), " | "); len(cells) != 3 || !testName.MatchString(cells[2]) {
			t.Errorf("a threat without a test: %s", row)
		}
	}
}

// threatRows are the rows of the tables whose last column is of tests, without
// their heads.
func threatRows(security string) (rows []string) {
	inside := false
	for line := range strings.Lines(security) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case strings.HasSuffix(line, "| Tests |"):
			inside = true
		case inside && strings.Trim(line, "|- ") != "":
			rows = append(rows, line)
		}
	}
	return rows
}

func TestThreatRows(t *testing.T) {
	const text = "| a | b |\n|---|---|\n| no threat | x |\n\n| Threat | Done | Tests |\n|---|---|---|\n| one | x | `TestX` |\n| two | x | |\n\n| three | x | |\n"
	want := []string{"| one | x | `TestX` |", "| two | x | |"}
	if got := threatRows(text); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

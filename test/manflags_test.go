package test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	helpFlag = regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[a-z-]+)`)
	manItem  = regexp.MustCompile(`(?m)^\*\*-.*$`)
	manFlag  = regexp.MustCompile(`\*\*(-[a-z-]+)\*\*`)
)

// helpFlags are the flags that a program's or a command's help names.
func helpFlags(t *testing.T, program string, command ...string) map[string]bool {
	t.Helper()
	got, err := finish(exec.Command(program, append(command, "--help")...))
	if err != nil || got.code != 0 {
		t.Fatalf("%s %s --help: %v, exit %d: %s", program, command, err, got.code, got.stderr)
	}
	return flagsIn(helpFlag, got.stdout)
}

// flagsIn are the flags that the groups of an expression match in a text.
func flagsIn(expression *regexp.Regexp, text string) map[string]bool {
	flags := map[string]bool{}
	for _, match := range expression.FindAllStringSubmatch(text, -1) {
		for _, flag := range match[1:] {
			if flag != "" {
				flags[flag] = true
			}
		}
	}
	return flags
}

func manPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../docs/man", name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func wantFlags(t *testing.T, what string, help, man map[string]bool) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(help)), slices.Sorted(maps.Keys(man))); diff != "" || len(help) == 0 {
		t.Errorf("%s: flags (-help +man page):\n%s", what, diff)
	}
}

// A man page lists the flags that the program's help does, and no other.
func TestManPagesHaveTheFlags(t *testing.T) {
	dir := t.TempDir()
	program := func(name string) string {
		path := filepath.Join(dir, name)
		if err := build(path, "../cmd/"+name); err != nil {
			t.Fatal(err)
		}
		return path
	}
	itemFlags := func(page string) map[string]bool {
		return flagsIn(manFlag, strings.Join(manItem.FindAllString(page, -1), "\n"))
	}
	wantFlags(t, "oci-sysctl-hook", helpFlags(t, program("hook")), itemFlags(manPage(t, "oci-sysctl-hook.8")))
	wantFlags(t, "oci-sysctl-nri", helpFlags(t, program("nri")), itemFlags(manPage(t, "oci-sysctl-nri.8")))

	page, path := manPage(t, "oci-sysctl-policy.1"), program("policy")
	all := helpFlags(t, path)
	for _, command := range []string{"check", "plan", "audit", "completion"} {
		flags := helpFlags(t, path, command)
		maps.Copy(all, flags)
		synopsis := regexp.MustCompile(`(?m)^\*\*oci-sysctl-policy ` + command + `\b.*$`).FindString(page)
		inSynopsis := flagsIn(manFlag, synopsis)
		for _, flag := range []string{"-h", "--help", "--output"} { // not in a synopsis, but for -o
			delete(flags, flag)
		}
		if command != "completion" {
			wantFlags(t, "synopsis of "+command, flags, inSynopsis)
		}
	}
	wantFlags(t, "oci-sysctl-policy", all, itemFlags(page))
}

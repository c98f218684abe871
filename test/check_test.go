package test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What is installed must stand the check, and the check must have tried it.
func TestCheckOfInstalledPolicy(t *testing.T) {
	needRoot(t)
	hostUntouched(t)
	got := policyCommand(t, "check", "--policy-dir", "../policy.d")
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if !regexp.MustCompile(` 0 problems, .* [1-9][0-9]* values tried on Linux `).MatchString(got.stdout) {
		t.Errorf("stdout: %s", got.stdout)
	}
}

// A policy that the kernel refuses is one that the hook fails with.
func TestCheckFindsWhatTheHookMeets(t *testing.T) {
	g := newTarget(t)
	for name, line := range map[string]string{
		"out of range": `"net.ipv4.tcp_keepalive_probes" = 300`,
		"not kept":     `"net.ipv4.tcp_keepalive_time" = "600 700"`,
		"no such key":  `"net.ipv4.no_such_key" = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			g.policy = policyDir(t, rule(line))
			g.wantFailed(t, g.run(t, g.stdin(t)), 4)
			got := policyCommand(t, "check", "--policy-dir", g.policy)
			if got.code != 1 || !strings.Contains(got.stdout, "/10-test.toml:4:1: problem: ") {
				t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

// Without the rights to prove it, no policy counts as proven; what is wrong
// with it is found all the same.
func TestCheckWithoutRights(t *testing.T) {
	needRoot(t)
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	good := policyDir(t, keepalivePolicy)
	bad := policyDir(t, rule(`"net.ipv4.tcp_ecn" = { value = 5, override = { max = 2 } }`))
	const unproven = "Not proven: that a kernel has the "
	for name, test := range map[string]struct {
		args           []string
		code           int
		stdout, stderr []string // are in it
	}{
		"with the proof":    {[]string{"--policy-dir", good}, 4, []string{"0 problems", unproven, ", since ", "operation not permitted"}, []string{"--no-kernel leaves it out"}},
		"without the proof": {[]string{"--policy-dir", good, "--no-kernel"}, 0, []string{"0 problems", unproven}, nil},
		"with problems":     {[]string{"--policy-dir", bad}, 1, []string{"outside its own bounds", "1 problem,", unproven, "operation not permitted"}, nil},
		"as JSON":           {[]string{"--policy-dir", bad, "-o", "json"}, 1, []string{`"problems": 1`, `"not_proven": "that a kernel`, "outside its own bounds"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			argv := append([]string{"--bounding-set=-all", "--inh-caps=-all", path, "check"}, test.args...)
			got, err := finish(exec.Command("setpriv", argv...))
			if err != nil {
				t.Fatal(err)
			}
			if got.code != test.code || (test.stderr == nil) != (got.stderr == "") {
				t.Errorf("exit %d, want %d: %s", got.code, test.code, got.stderr)
			}
			wantWords(t, got.stdout, test.stdout)
			wantWords(t, got.stderr, test.stderr)
		})
	}
}

func wantWords(t *testing.T, text string, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("want %q in: %s", word, text)
		}
	}
}

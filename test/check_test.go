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

// Without the rights to prove it, no policy counts as proven.
func TestCheckWithoutRights(t *testing.T) {
	needRoot(t)
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	dir := policyDir(t, keepalivePolicy)
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"with the proof":    {nil, 4, "--no-kernel leaves it out"},
		"without the proof": {[]string{"--no-kernel"}, 0, "Not proven: that a kernel has the 3 sysctls"},
	} {
		t.Run(name, func(t *testing.T) {
			argv := append([]string{"--bounding-set=-all", "--inh-caps=-all", path, "check", "--policy-dir", dir}, test.args...)
			got, err := finish(exec.Command("setpriv", argv...))
			if err != nil {
				t.Fatal(err)
			}
			if said := got.stdout + got.stderr; got.code != test.code || !strings.Contains(said, test.want) {
				t.Errorf("exit %d, want %d, and %q: %s", got.code, test.code, test.want, said)
			}
		})
	}
}

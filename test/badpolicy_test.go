package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// rule is a policy with these lines in the sysctls of its only rule; they
// begin on line 4.
func rule(sysctls ...string) string {
	return "[[rule]]\nname = \"bad\"\n[rule.sysctls]\n" + strings.Join(sysctls, "\n") + "\n"
}

func TestBadPolicy(t *testing.T) {
	const good = `"net.ipv4.tcp_keepalive_time" = 600`
	// each is a policy and the line of its fault
	for name, test := range map[string]struct {
		policy string
		line   int
	}{
		"not TOML":               {"rule: {}\n", 1},
		"truncated":              {"[[rule]]\nname = \"bad\n", 2},
		"unknown field":          {"[[rule]]\nname = \"bad\"\nwhne = {}\n", 3},
		"unknown table":          {"[rules]\n", 1},
		"unknown field in when":  {"[[rule]]\nname = \"bad\"\nwhen = { namespaces = [\"a\"] }\n", 3},
		"unknown setting field":  {rule(good, `"net.ipv4.tcp_keepalive_intvl" = { value = 1, overide = "none" }`), 5},
		"unknown bound":          {rule(`"net.ipv4.tcp_keepalive_intvl" = { value = 1, override = { mx = 1 } }`), 4},
		"unknown override":       {rule(`"net.ipv4.tcp_keepalive_intvl" = { value = 1, override = "never" }`), 4},
		"unknown refusal":        {"[[rule]]\nname = \"bad\"\non_refusal = \"ignore\"\n", 3},
		"value table":            {rule(`"net.ipv4.tcp_keepalive_intvl" = { value = { a = 1 } }`), 4},
		"value fraction":         {rule(`"net.ipv4.tcp_keepalive_intvl" = 1.5`), 4},
		"value date":             {rule(`"net.ipv4.tcp_keepalive_intvl" = 2026-01-01`), 4},
		"name number":            {"[[rule]]\nname = 7\n", 2},
		"optional string":        {rule(`"net.ipv4.tcp_keepalive_intvl" = { value = 1, optional = "yes" }`), 4},
		"min string":             {rule(`"net.ipv4.tcp_keepalive_intvl" = { value = 1, override = { min = "a" } }`), 4},
		"pattern broken":         {rule(`"net.ipv4.tcp_keepalive_intvl" = { value = 1, override = { pattern = "(" } }`), 4},
		"when pattern broken":    {"[[rule]]\nname = \"bad\"\nwhen = { annotations = { \"(\" = \".\" } }\n", 3},
		"none without value":     {rule(`"net.ipv4.tcp_keepalive_intvl" = { override = "none" }`), 4},
		"config without value":   {rule(`"net.ipv4.tcp_keepalive_intvl" = { optional = true }`), 4},
		"key of the host":        {rule(good, `"vm.swappiness" = 1`), 5},
		"key of a user":          {rule(`"user.max_net_namespaces" = 1`), 4},
		"key like an ipc one":    {rule(`"kernel.msgmaxx" = 1`), 4},
		"key with parent":        {rule(`"net.ipv4.../../vm/swappiness" = 1`), 4},
		"key with slash parent":  {rule(`"net/../vm/swappiness" = 1`), 4},
		"key with empty part":    {rule(`"net..ipv4" = 1`), 4},
		"key with slashed empty": {rule(`"net//ipv4/tcp_keepalive_time" = 1`), 4},
		"key absolute":           {rule(`"/net/ipv4/tcp_keepalive_time" = 1`), 4},
		"key ends early":         {rule(`"net.ipv4." = 1`), 4},
		"key empty":              {rule(`"" = 1`), 4},
		"key twice":              {rule(good, good), 5},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.policy = policyDir(t, test.policy)
			at := fmt.Sprintf("%s:%d", filepath.Join(g.policy, "10-test.toml"), test.line)
			g.wantFailed(t, g.run(t, g.stdin(t)), 3, at)
		})
	}
}

// The first file's rules must not count when the second is broken.
func TestBadPolicyBesideGood(t *testing.T) {
	g := newTarget(t)
	writeFile(t, filepath.Join(g.policy, "20-bad.toml"), "rule\n")
	g.wantFailed(t, g.run(t, g.stdin(t)), 3, "20-bad.toml:1")
}

func TestMissingPolicyDir(t *testing.T) {
	g := newTarget(t)
	g.policy = filepath.Join(t.TempDir(), "missing")
	g.wantFailed(t, g.run(t, g.stdin(t)), 3, g.policy)
}

func TestNoPolicyFiles(t *testing.T) {
	g := newTarget(t)
	g.policy = t.TempDir()
	got := g.run(t, g.stdin(t))
	if got.code != 0 {
		t.Errorf("exit %d", got.code)
	}
	onlyWarnings(t, got.stderr)
	g.wantUnchanged(t)
}

// Without any policy an annotation has no rule that allows it.
func TestNoPolicyRefusesAnnotation(t *testing.T) {
	g := newTarget(t)
	g.policy = t.TempDir()
	g.annotate(t, map[string]string{"oci-sysctl-hook/" + keepaliveTime: "600"})
	got := g.run(t, g.stdin(t))
	if got.code != 1 {
		t.Errorf("exit %d, want 1: %s", got.code, got.stderr)
	}
	g.wantUnchanged(t)
}

func TestOnPolicyErrorWarn(t *testing.T) {
	for name, args := range map[string][]string{
		"one word":  {"--on-policy-error=warn"},
		"two words": {"--on-policy-error", "warn"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			writeFile(t, filepath.Join(g.policy, "20-bad.toml"), "rule\n")
			g.args = args
			got := g.run(t, g.stdin(t))
			if got.code != 0 {
				t.Errorf("exit %d", got.code)
			}
			onlyWarnings(t, got.stderr, "20-bad.toml:1")
			g.wantUnchanged(t)
		})
	}
}

func TestBadUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":     {"--no-such-flag"},
		"argument":         {"createRuntime"},
		"unknown log":      {"--log=cloud"},
		"unknown level":    {"--log-level=shout"},
		"unknown format":   {"--log-format=xml"},
		"unknown on error": {"--on-policy-error=maybe"},
		"flag unfinished":  {"--policy-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.args = args
			g.wantFailed(t, g.run(t, g.stdin(t)), 2)
		})
	}
}

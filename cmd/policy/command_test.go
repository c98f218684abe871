package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

// result is what a run left.
type result struct {
	status         int
	stdout, stderr string
}

func runWith(args ...string) result {
	var stdout, stderr bytes.Buffer
	status := run(args, &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

func TestUsage(t *testing.T) {
	policyDir := "testdata/policy"
	for name, test := range map[string]struct {
		args   []string
		status int
		stderr string // is in it; with a status other than 0 and 1 there is one line
	}{
		"no command":                 {[]string{}, exitInput, "no command"},
		"another command":            {[]string{"plna"}, exitInput, `unknown command "plna"`},
		"another flag":               {[]string{"check", "--nope"}, exitInput, "unknown flag: --nope; see oci-sysctl-policy check --help"},
		"another format":             {[]string{"check", "-o", "yaml"}, exitInput, `--output "yaml": not one of table, json, prom`},
		"check with an argument":     {[]string{"check", "x"}, exitInput, "--policy-dir DIR"},
		"audit with an argument":     {[]string{"audit", "x"}, exitInput, "unknown command"},
		"plan without an argument":   {[]string{"plan"}, exitInput, "plan takes one BUNDLE or CONTAINER"},
		"plan with two":              {[]string{"plan", "a", "b"}, exitInput, "plan takes one BUNDLE or CONTAINER"},
		"plan with an empty one":     {[]string{"plan", "--policy-dir", policyDir, ""}, exitInput, "the argument is empty"},
		"plan below no root":         {[]string{"plan", "--state-root", "testdata/none", "abc"}, exitInput, `--state-root "testdata/none": no such directory`},
		"audit below no root":        {[]string{"audit", "--policy-dir", policyDir, "--state-root", t.TempDir(), "--state-root", "testdata/none"}, exitInput, `--state-root "testdata/none": no such directory`},
		"plan for nothing":           {[]string{"plan", "--state-root", t.TempDir(), "abc"}, exitInput, `"abc" is no bundle, and no running container has an ID that begins so`},
		"plan for no bundle":         {[]string{"plan", "--policy-dir", policyDir, "./testdata"}, exitInput, "config.json: no such file"},
		"plan without the policy":    {[]string{"plan", "--policy-dir", "testdata/none", "./testdata"}, exitPolicy, "testdata/none: no such file"},
		"plan with a broken policy":  {[]string{"plan", "--policy-dir", "testdata/broken", "./testdata"}, exitPolicy, "10.toml:2:1: unknown field"},
		"audit with a broken policy": {[]string{"audit", "--policy-dir", "testdata/broken"}, exitPolicy, "and 2 more"},
		"audit of nothing":           {[]string{"audit", "--policy-dir", policyDir, "--state-root", t.TempDir()}, exitDone, ""},
		"audit of a file":            {[]string{"audit", "--policy-dir", policyDir, "--state-root", "main.go"}, exitSystem, "not all containers could be looked at"},
		"check finds":                {[]string{"check", "--policy-dir", policyDir, "--no-kernel"}, exitFound, ""},
		"another shell":              {[]string{"completion", "tcsh"}, exitInput, `invalid argument "tcsh"`},
		"the version":                {[]string{"--version"}, exitDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := runWith(test.args...)
			if got.status != test.status || !strings.Contains(got.stderr, test.stderr) {
				t.Errorf("exit %d, want %d; stderr, want %q in it: %s", got.status, test.status, test.stderr, got.stderr)
			}
			if (test.stderr == "") != (got.stderr == "") || (test.status > exitFound && !strings.HasPrefix(got.stderr, "oci-sysctl-policy: ")) {
				t.Errorf("stderr: %q", got.stderr)
			}
		})
	}
	if got := runWith("--version"); got.stdout != "oci-sysctl-policy unknown\n" {
		t.Errorf("version: %q", got.stdout)
	}
}

func TestHelp(t *testing.T) {
	for _, command := range []string{"", "check", "plan", "audit", "completion"} {
		got := runWith(strings.Fields(command + " --help")...)
		if got.status != exitDone || got.stderr != "" {
			t.Errorf("%s --help: exit %d: %s", command, got.status, got.stderr)
		}
		for line := range strings.Lines(got.stdout) {
			if len(line) > 81 {
				t.Errorf("%s --help: wider than 80 columns: %s", command, line)
			}
		}
		golden.Check(t, "help"+strings.TrimSuffix("-"+command, "-"), got.stdout)
	}
}

func TestCheckOutput(t *testing.T) {
	dir := map[string]string{"policy": "testdata/policy", "broken": "testdata/broken"}
	for name, args := range map[string][]string{
		"check":        {"--policy-dir", dir["policy"]},
		"check-json":   {"--policy-dir", dir["policy"], "-o", "json"},
		"check-prom":   {"--policy-dir", dir["policy"], "-o", "prom"},
		"check-broken": {"--policy-dir", dir["broken"], "--policy-dir", dir["policy"]},
	} {
		got := runWith(append([]string{"check", "--no-kernel"}, args...)...)
		if got.status != exitFound || got.stderr != "" {
			t.Errorf("%s: exit %d: %s", name, got.status, got.stderr)
		}
		golden.Check(t, name, got.stdout)
	}
}

// A directory that is named and holds no policy is a mistake.
func TestCheckOfNothing(t *testing.T) {
	got := runWith("check", "--no-kernel", "--policy-dir", t.TempDir())
	if got.status != exitFound || !strings.Contains(got.stdout, "problem: no *.toml files") {
		t.Errorf("exit %d: %s", got.status, got.stdout)
	}
}

// bundleWith makes a bundle of what is in linux and the annotations.
func bundleWith(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What a plan says of a container on the host's network depends on nothing that
// differs between machines.
func TestPlanOutput(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		status int
	}{
		"plan-host":      {`{"annotations": {"io.kubernetes.pod.namespace": "ns", "io.kubernetes.pod.name": "pod"}, "linux": {"namespaces": [{"type": "mount"}]}}`, exitDone},
		"plan-refused":   {`{"annotations": {"oci-sysctl-hook/net.ipv4.tcp_keepalive_intvl": "11", "oci-sysctl-hook/net.ipv4.tcp_sack": "1\u001b[31m"}, "linux": {"namespaces": [{"type": "network"}], "sysctl": {"net.ipv4.tcp_ecn": "0"}}}`, exitFound},
		"plan-ambiguous": {`{"annotations": {"io.kubernetes.pod.namespace": "a", "io.kubernetes.cri.sandbox-namespace": "b"}, "linux": {"namespaces": [{"type": "network"}]}}`, exitFound},
	} {
		bundle := bundleWith(t, test.config)
		for _, format := range []string{"table", "json", "prom"} {
			got := runWith("plan", "--policy-dir", "testdata/policy", "-o", format, bundle)
			if got.status != test.status || got.stderr != "" {
				t.Errorf("%s: exit %d, want %d: %s", name, got.status, test.status, got.stderr)
			}
			golden.Check(t, name+"-"+format, strings.ReplaceAll(got.stdout, bundle, "/bundle"))
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		got := runWith("completion", shell)
		if got.status != exitDone || !strings.Contains(got.stdout, "oci-sysctl-policy") || !strings.Contains(got.stdout, "__complete") {
			t.Errorf("%s: exit %d, %d bytes: %s", shell, got.status, len(got.stdout), got.stderr)
		}
	}
	root := t.TempDir()
	for _, id := range []string{"abc", "def"} {
		dir := filepath.Join(root, id)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "status"), []byte(`{"pid": 0, "bundle": "/b"}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"plan --state-root " + root + " ": "abc\ndef\n",
		"check --output ":                 "table\njson\nprom\n",
		"plan --output ":                  "table\njson\nprom\n",
		"completion ":                     "bash\nzsh\nfish\n",
	} {
		got := runWith(strings.Split("__complete "+args, " ")...)
		if !strings.HasPrefix(got.stdout, want) {
			t.Errorf("completing %q: %q, want %q", args, got.stdout, want)
		}
	}
}

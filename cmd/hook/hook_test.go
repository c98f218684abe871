package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOutcomes: of each way that a run can end, the exit status, what is said,
// and what the namespace holds then.
func TestOutcomes(t *testing.T) {
	const fresh = "7200"
	annotated := func(key, value string) func(*target) {
		return func(g *target) { g.annotations = map[string]string{"oci-sysctl-hook/" + key: value} }
	}
	for name, test := range map[string]struct {
		policy string
		change func(*target)
		want   result
		value  string // of keepalive
	}{
		"applied":          {rule(`"net.ipv4.tcp_keepalive_time" = 600`), nil, result{}, "600"},
		"right already":    {rule(`"net.ipv4.tcp_keepalive_time" = 7200`), nil, result{}, fresh},
		"annotation":       {rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = "any" }`), annotated(keepalive, "300"), result{}, "300"},
		"linux.sysctl":     {rule(`"net.ipv4.tcp_keepalive_time" = 600`), func(g *target) { g.sysctl = map[string]string{keepalive: "300"} }, result{}, fresh},
		"nothing to do":    {rule(`"net.ipv4.tcp_keepalive_time" = { override = "any" }`), nil, result{}, fresh},
		"optional, absent": {rule(`"net.ipv4.tcp_shiny_new" = { value = 1, optional = true }`, `"net.ipv4.tcp_keepalive_time" = 600`), nil, result{}, "600"},
		"no policy files": {
			"", nil,
			result{Stderr: "oci-sysctl-hook: warning: no policy files; no sysctl is set\n"}, fresh,
		},
		"refused": {
			rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }`), annotated(keepalive, "300"),
			result{1, "", `oci-sysctl-hook: net.ipv4.tcp_keepalive_time = "300": refused by the policy: the policy enforces "600" (asked for by an annotation; rule "r", DIR/p.toml:4); change or drop the annotation, or have the policy changed` + "\n"}, fresh,
		},
		"refused without a rule": {
			"", annotated(keepalive, "300"),
			result{1, "", "oci-sysctl-hook: warning: no policy files; no sysctl is set\n" +
				`oci-sysctl-hook: net.ipv4.tcp_keepalive_time = "300": refused by the policy: no rule of the policy for this container names it (asked for by an annotation); change or drop the annotation, or have the policy changed` + "\n"}, fresh,
		},
		"refused, and more": {
			rule(`"net.ipv4.tcp_keepalive_time" = 600`),
			func(g *target) {
				g.annotations = map[string]string{"oci-sysctl-hook/a": "1", "oci-sysctl-hook/b": "1", "oci-sysctl-hook/" + keepalive: "1"}
			},
			result{1, "", `oci-sysctl-hook: a = "1": refused by the policy: the annotation "oci-sysctl-hook/a": not namespaced: it would change the host (asked for by an annotation); change or drop the annotation, or have the policy changed (and 2 more)` + "\n"}, fresh,
		},
		"contradicting names": {
			"[[rule]]\nwhen = { containers = [\"a\"] }\nsysctls = { \"net.ipv4.tcp_keepalive_time\" = 600 }\n",
			func(g *target) {
				g.annotations = map[string]string{"io.kubernetes.container.name": "a", "io.kubernetes.cri.container-name": "b"}
			},
			result{1, "", `oci-sysctl-hook: rule "DIR/p.toml:1" (DIR/p.toml:1): the annotations contradict each other: io.kubernetes.container.name = "a", io.kubernetes.cri.container-name = "b"; refused by the policy` + "\n"}, fresh,
		},
		"bad policy": {
			rule(`"net.ipv4.tcp_keepalive_time" = 1.5`, `"vm.swappiness" = 1`), nil,
			result{3, "", "oci-sysctl-hook: policy: DIR/p.toml:4:1: a value is an integer, a string, a boolean or an array of these, not a floating-point number (and 1 more)\n"}, fresh,
		},
		"bad policy, a warning": {
			rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"vm.swappiness" = 1`),
			func(g *target) { g.args = []string{"--on-policy-error=warn"} },
			result{Stderr: "oci-sysctl-hook: warning: no sysctl is set: policy: DIR/p.toml:5:1: sysctl \"vm.swappiness\": not namespaced: it would change the host\n"}, fresh,
		},
		"the kernel refuses": {
			rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"net.ipv4.tcp_keepalive_probes" = 300`), nil,
			result{4, "", `oci-sysctl-hook: net.ipv4.tcp_keepalive_probes = "300": the kernel refuses it: invalid argument (rule "r", DIR/p.toml:5); correct the policy` + "\n"}, fresh,
		},
		"the kernel refuses an annotation": {
			rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = "any" }`), annotated(keepalive, "soon"),
			result{4, "", `oci-sysctl-hook: net.ipv4.tcp_keepalive_time = "soon": the kernel refuses it: invalid argument (rule "r", DIR/p.toml:4); change or drop the annotation` + "\n"}, fresh,
		},
		"the kernel keeps another value": {
			rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"net.ipv4.ip_local_reserved_ports" = "80,81"`), nil,
			result{4, "", `oci-sysctl-hook: net.ipv4.ip_local_reserved_ports = "80,81": the kernel kept "80-81" (rule "r", DIR/p.toml:5); correct the policy` + "\n"}, fresh,
		},
		"absent": {
			rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"net.ipv4.tcp_shiny_new" = 1`), nil,
			result{4, "", `oci-sysctl-hook: net.ipv4.tcp_shiny_new = "1": this kernel has no such key in this namespace (rule "r", DIR/p.toml:5); correct the policy, or say optional = true there` + "\n"}, fresh,
		},
		"no such algorithm": {
			rule(`"net.ipv4.tcp_congestion_control" = { value = "nosuch", optional = true }`), nil,
			result{4, "", `oci-sysctl-hook: net.ipv4.tcp_congestion_control = "nosuch": the kernel refuses it: no such file or directory (rule "r", DIR/p.toml:4); correct the policy` + "\n"}, fresh,
		},
		"read-only key": {
			rule(`"net.ipv4.tcp_available_congestion_control" = "reno"`), nil,
			result{4, "", `oci-sysctl-hook: net.ipv4.tcp_available_congestion_control = "reno": cannot be written: /proc/sys/net/ipv4/tcp_available_congestion_control: permission denied (rule "r", DIR/p.toml:4); the hook needs a writable /proc/sys and the rights to it` + "\n"}, fresh,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, test.policy)
			if test.change != nil {
				test.change(g)
			}
			if diff := cmp.Diff(test.want, g.run(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := g.get(t, keepalive); got != test.value {
				t.Errorf("the container has %s, want %s", got, test.value)
			}
		})
	}
}

// What the pod holds already counts, until the policy says otherwise.
func TestJoined(t *testing.T) {
	for name, test := range map[string]struct {
		setting, held, want, stderr string
	}{
		"as new":               {`600`, "7200", "600", ""},
		"asked for":            {`600`, "300", "300", ""},
		"asked for, outside":   {`{ value = 600, override = { min = 500 } }`, "300", "600", `oci-sysctl-hook: warning: net.ipv4.tcp_keepalive_time: the joined namespace's "300" is overwritten: 300 is below the minimum 500 (rule "r", DIR/p.toml:4)` + "\n"},
		"asked for, enforced":  {`{ value = 600, override = "none" }`, "300", "600", `oci-sysctl-hook: warning: net.ipv4.tcp_keepalive_time: the joined namespace's "300" is overwritten: the policy enforces "600" (rule "r", DIR/p.toml:4)` + "\n"},
		"asked for, no value":  {`{ override = { min = 500 } }`, "300", "300", `oci-sysctl-hook: warning: net.ipv4.tcp_keepalive_time: the joined namespace's "300" is left: 300 is below the minimum 500 (rule "r", DIR/p.toml:4)` + "\n"},
		"the policy's already": {`{ value = 600, override = "none" }`, "600", "600", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, rule(`"net.ipv4.tcp_keepalive_time" = `+test.setting))
			g.joined = true
			g.set(t, keepalive, test.held)
			if diff := cmp.Diff(result{Stderr: test.stderr}, g.run(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := g.get(t, keepalive); got != test.want {
				t.Errorf("the container has %s, want %s", got, test.want)
			}
		})
	}
}

// A container's author can't flood the log with what a policy lets pass.
func TestWarningsAreBounded(t *testing.T) {
	g := newTarget(t, "[[rule]]\non_refusal = \"warn\"\n[rule.sysctls]\n\"net.ipv4.conf.*.x\" = 1\n")
	log := filepath.Join(t.TempDir(), "log")
	g.args = []string{"--log=file:" + log, "--log-format=json"}
	g.annotations, g.sysctl = map[string]string{}, map[string]string{}
	const many = 300
	for n := range many {
		key := fmt.Sprintf("net.ipv4.conf.if%d.x", n)
		g.annotations["oci-sysctl-hook/"+key] = strings.Repeat("x", 1000)
		g.sysctl[key] = "1"
	}
	got := g.run(t)
	lines := strings.Split(strings.TrimSuffix(got.Stderr, "\n"), "\n")
	if got.Status != exitDone || len(lines) != maxWarnings+1 || lines[maxWarnings] != fmt.Sprintf("oci-sysctl-hook: warning: and %d more", many-maxWarnings) {
		t.Errorf("status %d, %d lines: %s", got.Status, len(lines), got.Stderr)
	}
	record, err := os.ReadFile(log)
	const datagram = 200 << 10 // what a socket takes at once, net.core.wmem_default
	if err != nil || len(record) == 0 || len(record) > datagram {
		t.Errorf("a record of %d bytes, %v", len(record), err)
	}
}

// Bad input is told from bad policy and from what the system refuses.
func TestBadInput(t *testing.T) {
	g := newTarget(t, rule(`"net.ipv4.tcp_keepalive_time" = 600`))
	state := func(pid int, bundle string) string { return encode(t, map[string]any{"pid": pid, "bundle": bundle}) }
	broken := t.TempDir()
	write(t, filepath.Join(broken, "config.json"), "{")
	for name, test := range map[string]struct {
		stdin, stderr string
		status        int
	}{
		"no state":        {"", "oci-sysctl-hook: state: empty\n", exitInput},
		"bad state":       {"{", "oci-sysctl-hook: state: not valid JSON: it ends too early\n", exitInput},
		"no pid":          {state(0, g.bundle), "oci-sysctl-hook: state: pid is 0: there is no process at this point of the container's life\n", exitInput},
		"relative bundle": {state(g.pid, "b"), "oci-sysctl-hook: state: bundle \"b\" is not an absolute path\n", exitInput},
		"no bundle":       {state(g.pid, "/nowhere"), "oci-sysctl-hook: /nowhere/config.json: no such file or directory\n", exitInput},
		"broken config":   {state(g.pid, broken), "oci-sysctl-hook: " + broken + "/config.json: not valid JSON: it ends too early\n", exitInput},
		"no such process": {state(1<<22, g.bundle), "oci-sysctl-hook: the container's process 4194304 does not exist: /proc/4194304: no such file or directory\n", exitSystem},
	} {
		got := runHook(t, test.stdin, "--log=none", "--policy-dir="+g.policy)
		if diff := cmp.Diff(result{Status: test.status, Stderr: test.stderr}, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

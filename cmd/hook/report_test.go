package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// record runs the hook for the container and returns its one record, without
// the time that it took.
func (g *target) record(t *testing.T, args ...string) map[string]any {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	g.args = append(args, "--log=file:"+log, "--log-format=json")
	g.run(t)
	text, err := os.ReadFile(log)
	if err != nil || strings.Count(string(text), "\n") != 1 {
		t.Fatalf("%q, %v", text, err)
	}
	var record map[string]any
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	if took, ok := record["took_ms"].(float64); !ok || took <= 0 || took > 60000 {
		t.Errorf("took_ms is %v", record["took_ms"])
	}
	delete(record, "took_ms")
	delete(record, "time")
	return record
}

func TestRecord(t *testing.T) {
	const setting = `"net.ipv4.tcp_keepalive_time" = `
	const bad = `"net.ipv4.tcp_keepalive_probes" = 300`
	for name, test := range map[string]struct {
		policy string
		change func(*target)
		want   map[string]any
	}{
		"applied": {
			rule(setting+`600`, `"net.ipv4.tcp_keepalive_intvl" = 75`, `"net.ipv4.tcp_shiny_new" = { value = 1, optional = true }`, `"net.core.somaxconn" = { override = "any" }`),
			func(g *target) {
				g.annotations = map[string]string{"io.kubernetes.pod.namespace": "ns", "io.kubernetes.pod.name": "pod", "io.kubernetes.container.name": "app"}
			},
			map[string]any{
				"level": "info", "msg": "sysctls applied", "id": "c1", "pod_namespace": "ns", "pod": "pod", "container": "app", "netns": "NETNS",
				"set": []any{"net.ipv4.tcp_keepalive_time: 7200 -> 600"},
				"left": []any{
					"net.ipv4.tcp_keepalive_intvl: has the value already", "net.ipv4.tcp_shiny_new: not in this kernel",
					"net.core.somaxconn: not asked for, and the policy has no value",
				},
			},
		},
		"nothing to do": {
			rule(setting + `7200`), nil,
			map[string]any{
				"level": "info", "msg": "nothing to do", "id": "c1", "netns": "NETNS",
				"left": []any{"net.ipv4.tcp_keepalive_time: has the value already"},
			},
		},
		"warned": {
			"", nil,
			map[string]any{"level": "warning", "msg": "nothing to do", "id": "c1", "netns": "NETNS", "warnings": []any{"no policy files; no sysctl is set"}},
		},
		"refused": {
			rule(setting + `600`), func(g *target) { g.annotations = map[string]string{"oci-sysctl-hook/" + keepalive: "1"} },
			map[string]any{
				"level": "error", "msg": "refused", "id": "c1", "netns": "NETNS",
				"error": `net.ipv4.tcp_keepalive_time = "1": refused by the policy: the policy takes no annotation for it, only linux.sysctl (override = "config") (asked for by an annotation; rule "r", DIR/p.toml:4); change or drop the annotation, or have the policy changed`,
			},
		},
		"failed": {
			rule(setting+`600`, bad), nil,
			map[string]any{
				"level": "error", "msg": "failed", "id": "c1", "netns": "NETNS",
				"error": `net.ipv4.tcp_keepalive_probes = "300": the kernel refuses it: invalid argument (rule "r", DIR/p.toml:5); correct the policy`,
			},
		},
		"bad policy": {
			"x", nil,
			map[string]any{"level": "error", "msg": "failed", "id": "c1", "netns": "NETNS", "error": "policy: DIR/p.toml:1:1: not valid TOML: expected '=' after key"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t, test.policy)
			if test.change != nil {
				test.change(g)
			}
			got := g.record(t)
			var st unix.Stat_t
			if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", g.pid), &st); err != nil {
				t.Fatal(err)
			}
			if got["netns"] == float64(st.Ino) {
				got["netns"] = "NETNS"
			}
			if text, ok := got["error"].(string); ok {
				got["error"] = strings.ReplaceAll(text, g.policy, "DIR")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A name that is too long for the system log does not lose the record.
func TestLongNamesAreRecorded(t *testing.T) {
	g := newTarget(t, rule(`"net.ipv4.tcp_keepalive_time" = 600`))
	g.annotations = map[string]string{"io.kubernetes.pod.name": strings.Repeat("\x01", 60000)}
	if pod := fmt.Sprint(g.record(t)["pod"]); pod != strings.Repeat("\x01", longestName)+"..." {
		t.Errorf("%d bytes: %.20q", len(pod), pod)
	}
}

// A log that fails is told, and no more.
func TestLogFails(t *testing.T) {
	g := newTarget(t, rule(`"net.ipv4.tcp_keepalive_time" = 600`))
	g.args = []string{"--log=file:/dev/full"}
	want := result{Stderr: "oci-sysctl-hook: warning: the record could not be logged: /dev/full: no space left on device\n"}
	if diff := cmp.Diff(want, g.run(t)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := g.get(t, keepalive); got != "600" {
		t.Errorf("the container has %s", got)
	}
}

func TestExitStatus(t *testing.T) {
	cause := errors.New("cause")
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{exit(exitRefused, cause), exitRefused},
		{fmt.Errorf("more: %w", exit(exitPolicy, cause)), exitPolicy},
		{cause, exitSystem},
	} {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
	if err := exit(exitInput, cause); err.Error() != "cause" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestBounded(t *testing.T) {
	for n, want := range map[int][]string{0: {}, 2: {"0", "1"}, 3: {"0", "1", "and 1 more"}, 5: {"0", "1", "and 3 more"}} {
		texts := []string{}
		for i := range n {
			texts = append(texts, fmt.Sprint(i))
		}
		if diff := cmp.Diff(want, bounded(texts, 2)); diff != "" {
			t.Errorf("%d: -want +got:\n%s", n, diff)
		}
	}
}

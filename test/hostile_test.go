package test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hostileTexts are what a pod's author could put into an annotation to get
// more than a value.
var hostileTexts = map[string]string{
	"terminal escape":    "\x1b[2J\x1b[31mall is well\x1b[0m",
	"a line of its own":  "1\noci-sysctl-hook: warning: all is well",
	"carriage return":    "1\rall is well",
	"log injection":      "1 msg=\"sysctls applied\" level=info",
	"JSON injection":     `1","msg":"sysctls applied`,
	"control characters": "\x00\x01\x7f",
	"not ASCII":          "१२३\u202e\u2028",
	"format verbs":       "%s%n%!d(MISSING)",
	"a path":             "../../../etc/passwd",
	"1 MB":               strings.Repeat("9", 1<<20),
}

// What is hostile in an annotation's name or value is refused on one short,
// printable line, and says nothing that the hook did not mean to.
func TestHostileAnnotations(t *testing.T) {
	for name, text := range hostileTexts {
		for where, spec := range map[string]*specs.Spec{
			"value":          {Annotations: map[string]string{"oci-sysctl-hook/" + keepaliveTime: text}},
			"name":           {Annotations: map[string]string{"oci-sysctl-hook/" + text: "600"}},
			"linux.sysctl's": {Linux: &specs.Linux{Sysctl: map[string]string{keepaliveTime: text}}},
		} {
			t.Run(name+" in the "+where, func(t *testing.T) {
				g := newTarget(t)
				g.policy = policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 7200 } }`))
				log := filepath.Join(t.TempDir(), "log")
				g.args = []string{"--log=file:" + log, "--log-format=json"}
				whole := newSpec("true")
				whole.Annotations = spec.Annotations
				if spec.Linux != nil {
					whole.Linux.Sysctl = spec.Linux.Sysctl
				}
				if err := writeBundle(g.bundle, whole); err != nil {
					t.Fatal(err)
				}
				got := g.run(t, g.stdin(t))
				g.wantFailed(t, got, 1, "refused")
				wantShortAndPrintable(t, got.stderr)
				if all := records(t, log); len(all) != 1 || all[0]["msg"] != "refused" {
					t.Errorf("the log says %v", all)
				}
			})
		}
	}
}

func wantShortAndPrintable(t *testing.T, stderr string) {
	t.Helper()
	line := strings.TrimSuffix(stderr, "\n")
	if len(line) > 1000 {
		t.Errorf("the error has %d bytes", len(line))
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the error holds unprintable characters: %q", line)
	}
}

// What names a pod and a container is in the record of what was done: on its one
// line, in its field.
func TestHostileNamesInTheRecord(t *testing.T) {
	for name, text := range hostileTexts {
		if name == "1 MB" {
			continue // no engine has such names
		}
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{"text", "json"} {
				g := newTarget(t)
				log := filepath.Join(t.TempDir(), "log")
				g.args = []string{"--log=file:" + log, "--log-format=" + format}
				g.annotate(t, map[string]string{"io.kubernetes.pod.name": text, "io.kubernetes.pod.namespace": text, "io.kubernetes.container.name": text})
				g.wantApplied(t, g.run(t, g.stdin(t)))
				line := strings.TrimSuffix(readAny(t, log), "\n")
				if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
					t.Errorf("%s: control characters in the record: %q", format, line)
				}
				if format == "text" {
					if begin := regexp.MustCompile(`^time="[^"]+" level=info msg="sysctls applied" container=`); !begin.MatchString(line) || strings.Contains(line, " msg=\"sysctls applied\" level") {
						t.Errorf("text: the record is %q", line)
					}
					continue
				}
				if all := records(t, log); len(all) != 1 || all[0]["msg"] != "sysctls applied" || all[0]["pod"] != text || all[0]["container"] != text {
					t.Errorf("json: the record is %q", line)
				}
			}
		})
	}
}

// A great many annotations cost their author the container, and the node little.
func TestTenThousandAnnotations(t *testing.T) {
	g := newTarget(t)
	spec := newSpec("true")
	spec.Annotations = map[string]string{}
	for n := range 10_000 {
		spec.Annotations[fmt.Sprintf("oci-sysctl-hook/net.ipv4.key_%d", n)] = "1"
	}
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
	got := g.run(t, g.stdin(t))
	g.wantFailed(t, got, 1, "9999 more")
	wantShortAndPrintable(t, got.stderr)
	if got.took > 2*time.Second {
		t.Errorf("it took %s", got.took)
	}
}

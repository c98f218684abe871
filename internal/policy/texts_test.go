package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// TestTexts keeps what a user gets to read: of every decision the refusal, or
// the verdict with its reason and warning.
func TestTexts(t *testing.T) {
	var text strings.Builder
	for _, book := range []rulebook{
		{"600", "config", false}, {"600", "none", false}, {"", "any", false},
		{"600", "range", false}, {"600", "values", false}, {"", "pattern", false},
		{"600", "config", true}, {"600", "none", true}, {"", "range", true},
	} {
		p := book.policy(t, testKey)
		for _, s := range []situation{
			{"", "", spec.New, "7200", "7200"},
			{"900", "", spec.New, "7200", "7200"},
			{"5000", "", spec.New, "7200", "7200"},
			{"é", "", spec.New, "7200", "7200"},
			{"", "900", spec.New, "7200", "7200"},
			{"", "5000", spec.New, "7200", "7200"},
			{"", "é", spec.New, "7200", "7200"},
			{"900", "5000", spec.New, "7200", "7200"},
			{"900", "900", spec.New, "7200", "7200"},
			{"", "", spec.Joined, "7200", "7200"},
			{"", "", spec.Joined, "900", "7200"},
			{"", "", spec.Joined, "5000", "7200"},
			{"", "", spec.Host, "7200", "7200"},
			{"900", "", spec.Host, "7200", "7200"},
		} {
			_, d := decideAndApply(t, p, s)
			fmt.Fprintf(&text, "%s %s: annotation %q, linux.sysctl %q, %s %s\n", p.Rules[0].refusal(), book.toml(), s.annotation, s.bundle, s.kind, s.held)
			describe(&text, d)
		}
	}
	checkTexts(t, "texts", text.String())
}

func (r *Rule) refusal() string {
	if r.WarnOnly {
		return "warn"
	}
	return "refuse"
}

func describe(text *strings.Builder, d *Decisions) {
	for _, decision := range d.List {
		if decision.Verdict == Refuse {
			fmt.Fprintf(text, "\t%v\n", decision.Refusal())
			continue
		}
		fmt.Fprintf(text, "\t%s: %s %s: %s\n", decision.Key, decision.Verdict, decision.Value, decision.Reason)
		if decision.Warning != "" {
			fmt.Fprintf(text, "\t%s: warning: %s (%s)\n", decision.Key, decision.Warning, decision.Setting)
		}
	}
}

func checkTexts(t *testing.T, name, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		checkOneLine(t, strings.Trim(line, "\t\n"))
	}
	golden.Check(t, name, text)
}

// TestTextsOfAnnotations are those of annotations that no rule is needed for to
// refuse.
func TestTextsOfAnnotations(t *testing.T) {
	p := mustRead(t, everything)
	var text strings.Builder
	for _, key := range []string{
		"net.ipv4.tcp_retries1", "net.ipv4.conf.*.rp_filter", "net.ipv4.conf.lo.rp_filter", "vm.swappiness", "kernel.hostname",
		"user.max_net_namespaces", "", "/", "net..x", "net/../x", "net.ipv4.x\n\x1b[31m", "net.é", "net." + strings.Repeat("x", 300),
	} {
		for _, value := range []string{"1", "\x1b[31m\n" + strings.Repeat("x", 300)} {
			d, err := p.Decide(Container{
				Annotations: map[string]string{AnnotationPrefix + key: value, "io.kubernetes.container.name": "app"},
				Namespaces:  allKinds(spec.New),
			})
			if err != nil {
				t.Fatal(err)
			}
			refused := d.Refused()
			if len(refused) != 1 {
				t.Errorf("%q: %d refusals, want 1", key, len(refused))
			}
			describe(&text, &Decisions{List: refused})
		}
	}
	checkTexts(t, "annotations", text.String())
}

func TestVerdictAndDoorStrings(t *testing.T) {
	for got, want := range map[string]string{
		Leave.String(): "leave", Set.String(): "set", Refuse.String(): "refuse", Judge.String(): "judge",
		NoAsk.String(): "", Annotation.String(): "annotation", Bundle.String(): "linux.sysctl", InNamespace.String(): "namespace",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

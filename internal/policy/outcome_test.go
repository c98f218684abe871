package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

const testKey = "net.ipv4.tcp_keepalive_time"

// toml is the rulebook as a setting.
func (r rulebook) toml() string {
	overrides := map[string]string{
		"config":  `"config"`,
		"none":    `"none"`,
		"any":     `"any"`,
		"range":   fmt.Sprintf("{ min = %d, max = %d }", lowest, highest),
		"values":  fmt.Sprintf("{ values = [%s] }", strings.Join(quote.All(boundsValues()), ", ")),
		"pattern": fmt.Sprintf("{ pattern = %q }", boundsPattern),
	}
	value := ""
	if r.value != "" {
		value = fmt.Sprintf("value = %q, ", r.value)
	}
	return fmt.Sprintf("{ %soverride = %s }", value, overrides[r.override])
}

// policy is the rulebook as a policy of one rule.
func (r rulebook) policy(t testing.TB, key string) *Policy {
	t.Helper()
	onRefusal := "refuse"
	if r.warnOnly {
		onRefusal = "warn"
	}
	text := fmt.Sprintf("[[rule]]\nname = \"r\"\non_refusal = %q\n[rule.sysctls]\n%q = %s\n", onRefusal, key, r.toml())
	return mustRead(t, text)
}

func mustRead(t testing.TB, text string) *Policy {
	t.Helper()
	rules, problems := readText(text)
	if len(problems) > 0 {
		t.Fatalf("%v in:\n%s", problems, text)
	}
	return &Policy{Rules: rules}
}

// rulebooks are all that can be said about a key.
func rulebooks() []rulebook {
	var books []rulebook
	for _, override := range []string{"config", "none", "any", "range", "values", "pattern"} {
		for _, warnOnly := range []bool{false, true} {
			books = append(books, rulebook{"600", override, warnOnly})
			if override != "config" && override != "none" {
				books = append(books, rulebook{"", override, warnOnly})
			}
		}
	}
	return books
}

// situations are all that can come together: values like the rule's, inside and
// outside of bounds, like a new namespace's, spelled otherwise, and none at all.
func situations() []situation {
	asks := []string{"", "600", " 600\n", "900", "5000", "7200", "0600", "é"}
	all := []situation{}
	for _, annotation := range asks {
		for _, bundle := range asks {
			for _, kind := range []spec.NamespaceKind{spec.Host, spec.New} {
				all = append(all, situation{annotation, bundle, kind, "7200", "7200"})
			}
			for _, held := range []string{"600", "900", "5000", "7200"} {
				all = append(all, situation{annotation, bundle, spec.Joined, held, "7200"})
			}
		}
	}
	return all
}

func (s situation) container() Container {
	c := Container{Namespaces: allKinds(s.kind)}
	if s.annotation != "" {
		c.Annotations = map[string]string{AnnotationPrefix + testKey: s.annotation}
	}
	if s.bundle != "" {
		c.Sysctl = map[string]string{testKey: s.bundle}
	}
	return c
}

func TestOutcomes(t *testing.T) {
	for _, book := range rulebooks() {
		for _, key := range []string{testKey, "net.ipv4.*"} {
			p := book.policy(t, key)
			for _, s := range situations() {
				got, _ := decideAndApply(t, p, s)
				if diff := cmp.Diff(book.outcome(s), got); diff != "" {
					t.Errorf("%+v, %s, %+v: -want +got:\n%s", book, key, s, diff)
				}
			}
		}
	}
}

// decideAndApply is the hook's flow with a model of the kernel and the runtime.
func decideAndApply(t testing.TB, p *Policy, s situation) (outcome, *Decisions) {
	t.Helper()
	key, err := sysctl.ParseKey(testKey)
	if err != nil {
		t.Fatal(err)
	}
	c := s.container()
	d, err := p.Decide(c)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{held: map[sysctl.Key]string{key: s.held}, fresh: map[sysctl.Key]string{key: s.fresh}}
	if len(d.Refused()) > 0 {
		if assignments := d.Assignments(); assignments != nil {
			t.Errorf("%+v: refused, and %v to write", s, assignments)
		}
		return outcome{Refused: true, Value: s.held}, d
	}
	if err := d.Settle(c.Namespaces, w); err != nil {
		t.Fatal(err)
	}
	assignments := d.Assignments()
	if s.bundle != "" && len(assignments) > 0 {
		t.Errorf("%+v: linux.sysctl stands, and the hook writes %v", s, assignments)
	}
	w.apply(assignments, c.Sysctl)
	o := outcome{Value: fields(w.held[key])}
	for _, decision := range d.List {
		o.Warned = o.Warned || decision.Warning != ""
		if decision.Verdict == Judge {
			t.Errorf("%+v: %s is not settled", s, decision.Key)
		}
	}
	return o, d
}

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// The keys of random policies: what a namespace holds, and patterns over them.
var (
	exactKeys = []sysctl.Key{"net/core/somaxconn", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/lo/rp_filter", "net/ipv4/conf/lo/forwarding"}
	patterns  = []sysctl.Key{"net/core/*", "net/ipv4/conf/*/rp_filter", "net/ipv4/conf/lo/*", "net/ipv4/*/*/*", "net/*/*"}
	asks      = []string{"", "600", "900", "5000", "7200"}
)

// drawnRule is a rule that the model can look up too.
type drawnRule struct {
	books   map[sysctl.Key]rulebook
	applies bool
}

func drawRules(t *rapid.T) []drawnRule {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) drawnRule {
		r := drawnRule{books: map[sysctl.Key]rulebook{}, applies: rapid.IntRange(0, 3).Draw(t, "applies") > 0}
		warnOnly := rapid.IntRange(0, 3).Draw(t, "warn") == 0
		keys := rapid.SampledFrom(slices.Concat(exactKeys, patterns))
		for _, key := range rapid.SliceOfNDistinct(keys, 1, 4, rapid.ID).Draw(t, "keys") {
			book := rapid.SampledFrom(rulebooks()).Draw(t, "book")
			book.warnOnly = warnOnly
			if book.value != "" {
				book.value = rapid.SampledFrom(asks[1:]).Draw(t, "value")
			}
			r.books[key] = book
		}
		return r
	}), 0, 4).Draw(t, "rules")
}

// policyOf writes the rules as a policy. A rule that does not apply is for a
// container of another name.
func policyOf(t testing.TB, rules []drawnRule) *Policy {
	var text strings.Builder
	for n, r := range rules {
		container, onRefusal := "app", "refuse"
		if !r.applies {
			container = "other"
		}
		for _, book := range r.books {
			if book.warnOnly {
				onRefusal = "warn"
			}
		}
		fmt.Fprintf(&text, "[[rule]]\nname = \"r%d\"\non_refusal = %q\nwhen = { containers = [%q] }\n[rule.sysctls]\n", n, onRefusal, container)
		for _, key := range slices.Sorted(maps.Keys(r.books)) {
			fmt.Fprintf(&text, "%q = %s\n", key, r.books[key].toml())
		}
	}
	return mustRead(t, text.String())
}

// lookUp is what the rules say about a key: the fewest wildcards, then the last.
func lookUp(rules []drawnRule, key sysctl.Key) (rulebook, bool) {
	var found rulebook
	fewest := -1
	for _, r := range rules {
		for pattern, book := range r.books {
			wildcards := strings.Count(string(pattern), "*")
			if r.applies && pattern.Matches(key) && (fewest < 0 || wildcards < fewest) {
				found, fewest = book, wildcards
			}
		}
	}
	// Again, for the last of those: a rule's own patterns have an order too,
	// which the text above makes that of their names.
	for _, r := range rules {
		for _, pattern := range slices.Sorted(maps.Keys(r.books)) {
			if r.applies && pattern.Matches(key) && strings.Count(string(pattern), "*") == fewest {
				found = r.books[pattern]
			}
		}
	}
	return found, fewest >= 0
}

// drawnContainer is a container, and what its namespaces hold.
type drawnContainer struct {
	Container
	world *world
	kind  spec.NamespaceKind
}

func drawContainer(t *rapid.T) drawnContainer {
	c := drawnContainer{
		kind:  rapid.SampledFrom([]spec.NamespaceKind{spec.Host, spec.New, spec.Joined, spec.Joined}).Draw(t, "kind"),
		world: &world{held: map[sysctl.Key]string{}, fresh: map[sysctl.Key]string{}},
	}
	c.Annotations = map[string]string{"io.kubernetes.container.name": "app"}
	c.Sysctl = map[string]string{}
	c.Namespaces = allKinds(c.kind)
	for _, key := range exactKeys {
		c.world.fresh[key] = "7200"
		c.world.held[key] = "7200"
		if c.kind == spec.Joined {
			c.world.held[key] = rapid.SampledFrom(asks[1:]).Draw(t, "held")
		}
		if annotation := rapid.SampledFrom(slices.Concat(asks[:1], asks[:1], asks)).Draw(t, "annotation"); annotation != "" {
			c.Annotations[AnnotationPrefix+key.String()] = annotation
		}
		if bundle := rapid.SampledFrom(slices.Concat(asks[:1], asks)).Draw(t, "bundle"); bundle != "" {
			c.Sysctl[string(key)] = bundle
		}
	}
	return c
}

// run is the hook's flow, then the runtime's. It returns nil for a refusal.
func (c drawnContainer) run(t *rapid.T, p *Policy) (*Decisions, *world) {
	d, err := p.Decide(c.Container)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Refused()) > 0 {
		if got := d.Assignments(); got != nil {
			t.Errorf("refused, and %v to write", got)
		}
		return d, nil
	}
	w := c.world.clone()
	if err := d.Settle(c.Namespaces, w); err != nil {
		t.Fatal(err)
	}
	w.apply(d.Assignments(), c.Sysctl)
	return d, w
}

// Whatever the policy and the container, every key ends as the model says, and
// the container is refused if one of them is.
func TestRandomPoliciesAreAppliedAsAgreed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rules, c := drawRules(rt), drawContainer(rt)
		want := map[sysctl.Key]string{}
		refused := false
		for _, key := range exactKeys {
			s := situation{c.Annotations[AnnotationPrefix+key.String()], c.Sysctl[string(key)], c.kind, c.world.held[key], c.world.fresh[key]}
			book, ok := lookUp(rules, key)
			switch {
			case !ok && s.annotation != "":
				refused = true
			case !ok && s.bundle != "":
				want[key] = s.bundle
			case !ok:
				want[key] = s.held
			default:
				o := book.outcome(s)
				refused = refused || o.Refused
				want[key] = o.Value
			}
		}
		_, after := c.run(rt, policyOf(t, rules))
		if refused != (after == nil) {
			rt.Fatalf("refused is %t, want %t", after == nil, refused)
		}
		if refused {
			return
		}
		if diff := cmp.Diff(want, after.held); diff != "" {
			rt.Errorf("-want +got:\n%s", diff)
		}
	})
}

// Maps have no order; decisions do, and always the same.
func TestRandomDecisionsAreTheSameEveryTime(t *testing.T) {
	same := cmp.Options{cmpopts.EquateComparable(Position{}), cmp.Comparer(func(a, b *Setting) bool { return a == b })}
	rapid.Check(t, func(rt *rapid.T) {
		p, c := policyOf(t, drawRules(rt)), drawContainer(rt)
		first, _ := c.run(rt, p)
		for range 5 {
			again, _ := c.run(rt, p)
			if diff := cmp.Diff(first.List, again.List, same); diff != "" {
				rt.Fatalf("-first +again:\n%s", diff)
			}
			if diff := cmp.Diff(first.Needs(), again.Needs()); diff != "" {
				rt.Fatalf("-first +again:\n%s", diff)
			}
		}
	})
}

// A container that starts again in the same pod finds everything as it should
// be: nothing is written a second time, and nothing is refused.
func TestRandomDecisionsHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, c := policyOf(t, drawRules(rt)), drawContainer(rt)
		_, after := c.run(rt, p)
		if after == nil || c.kind == spec.Host {
			return
		}
		again := c
		again.kind, again.world = spec.Joined, after
		again.Namespaces = allKinds(spec.Joined)
		_, then := again.run(rt, p)
		if then == nil {
			rt.Fatal("refused the second time")
		}
		if diff := cmp.Diff(after.held, then.held); diff != "" {
			rt.Errorf("-first +second:\n%s", diff)
		}
	})
}

// What is decided is told, once for each key.
func TestRandomDecisionsNameEachKeyOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawContainer(rt)
		d, _ := c.run(rt, policyOf(t, drawRules(rt)))
		seen := map[sysctl.Key]bool{}
		for _, decision := range d.List {
			if seen[decision.Key] {
				rt.Errorf("%s is decided on twice", decision.Key)
			}
			seen[decision.Key] = true
			if decision.Verdict != Judge && decision.Reason == "" {
				rt.Errorf("no reason for %+v", decision)
			}
			if (decision.Verdict == Set) != (decision.Value != "") {
				rt.Errorf("a value or none: %+v", decision)
			}
		}
	})
}

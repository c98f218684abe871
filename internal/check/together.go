package check

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// maxPairs bounds how many pairs of rules are tried: each takes new namespaces.
const maxPairs = 1000

// together sets at once what containers get at once: what each rule says, what
// each says beside the rules that are for every container, and what two say
// that one container may match. Values that the kernel takes one by one may
// exclude each other, or one may change another.
func (k *prover) together(p *policy.Policy) error {
	var always, some []*policy.Rule
	for _, rule := range p.Rules {
		if err := k.apply([]*policy.Rule{rule}, "the rule's other values"); err != nil {
			return err
		}
		if isForAll(rule) {
			always = append(always, rule)
		} else {
			some = append(some, rule)
		}
	}
	if err := k.apply(always, "the values of other rules"); err != nil {
		return err
	}
	for _, rule := range some {
		if err := k.apply(with(p.Rules, rule), "the values of other rules"); err != nil {
			return err
		}
	}
	return k.pairs(p.Rules, some)
}

// pairs tries two rules at once that are not for every container, beside those
// that are.
func (k *prover) pairs(all, some []*policy.Rule) error {
	tried := 0
	for i, a := range some {
		for _, b := range some[i+1:] {
			if !k.anyWorks(a) || !k.anyWorks(b) || !overlaps(&a.When, &b.When) {
				continue
			}
			if tried++; tried > maxPairs {
				k.proof.Pairs++
				continue
			}
			others := fmt.Sprintf("the values of other rules, in a container that the rules %q and %q match", a.Name, b.Name)
			if err := k.apply(with(all, a, b), others); err != nil {
				return err
			}
		}
	}
	return nil
}

// anyWorks reports whether the rule has a value to try.
func (k *prover) anyWorks(rule *policy.Rule) bool {
	return slices.ContainsFunc(rule.Settings, func(s *policy.Setting) bool { return k.alone[s] })
}

// isForAll reports whether the rule matches every container, as one does whose
// globs are "*".
func isForAll(rule *policy.Rule) bool {
	return includes(&rule.When, &policy.When{})
}

// with returns the rules that are for every container, and others, in order.
func with(rules []*policy.Rule, others ...*policy.Rule) []*policy.Rule {
	var some []*policy.Rule
	for _, rule := range rules {
		if isForAll(rule) || slices.Contains(others, rule) {
			some = append(some, rule)
		}
	}
	return some
}

// apply gives a new container what the rules say, with the hook's code, until
// there is nothing more to be found.
func (k *prover) apply(rules []*policy.Rule, others string) error {
	for {
		found := len(k.findings)
		decisions, err := k.subset(rules).Decide(policy.Container{Namespaces: newKinds()})
		if err != nil {
			return err
		}
		err = inScratch(k.proc, func(visit *sysctl.Visit) error { return k.visit(visit, decisions, others) })
		if err != nil || len(k.findings) == found {
			return err
		}
	}
}

func (k *prover) visit(visit *sysctl.Visit, decisions *policy.Decisions, others string) error {
	if err := decisions.Settle(newKinds(), visit); err != nil {
		return err
	}
	_, err := visit.Apply(decisions.Assignments())
	var failed *sysctl.WriteError
	if errors.As(err, &failed) {
		for _, d := range decisions.List {
			if d.Key == failed.Key {
				k.clash(d, others, failed.Err.Error())
			}
		}
		return nil
	}
	return err
}

// clash reports a setting once, and leaves it out from then on.
func (k *prover) clash(d policy.Decision, others, cause string) {
	if s := d.Setting; k.alone[s] {
		k.find(about(s, Problem, "the value %q does not go with %s: %s%s", d.Value, others, elsewhere(s, d.Key), cause))
		k.alone[s] = false
	}
}

// subset makes a policy of the rules, without what does not work alone, for
// every container.
func (k *prover) subset(rules []*policy.Rule) *policy.Policy {
	p := &policy.Policy{}
	for _, rule := range rules {
		r := &policy.Rule{Name: rule.Name, At: rule.At}
		for _, s := range rule.Settings {
			if k.alone[s] {
				r.Settings = append(r.Settings, s)
			}
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func newKinds() map[specs.LinuxNamespaceType]spec.NamespaceKind {
	kinds := map[specs.LinuxNamespaceType]spec.NamespaceKind{}
	for _, t := range scratchTypes {
		kinds[t] = spec.New
	}
	return kinds
}

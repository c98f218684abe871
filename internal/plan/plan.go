// Package plan tells what the hook would do for a container, and what the
// container's namespaces hold. It decides with the hook's code and writes
// nothing.
package plan

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/container"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/thread"
)

// Plan is what the hook would do for a container.
type Plan struct {
	Identity  policy.Identity
	Decisions []Decision

	// Unseen is why the namespaces could not be looked at, nil if they were.
	// Then a decision that depends on them is still policy.Judge, and Patterns
	// are not expanded.
	Unseen   error
	Patterns []sysctl.Key
}

// Decision is a decision beside what the namespace holds.
type Decision struct {
	policy.Decision
	Now    string // the value
	Known  bool   // Now was read
	Absent bool   // there is no such key
}

// Refused reports whether the policy refuses the container.
func (p *Plan) Refused() bool {
	for _, d := range p.Decisions {
		if d.Verdict == policy.Refuse {
			return true
		}
	}
	return false
}

// Viewer looks at containers. It keeps a thread that it moves through their
// namespaces, so each of several goroutines needs one of its own.
type Viewer struct {
	proc   *procfs.Root
	thread *thread.Thread
	fresh  *Fresh
}

// NewViewer returns a viewer. Several may share what they know of new
// namespaces. The caller closes it.
func NewViewer(proc *procfs.Root, fresh *Fresh) *Viewer {
	return &Viewer{proc: proc, thread: thread.New(), fresh: fresh}
}

// Close ends the viewer's thread.
func (v *Viewer) Close() {
	v.thread.End()
}

// Running plans for a container that has a process.
func (v *Viewer) Running(p *policy.Policy, process *spec.Process, config *specs.Spec) (*Plan, error) {
	// On the calling thread, which is where it was: to the viewer's the
	// namespace that it has just been in would be its own.
	c, err := container.Decide(p, process, config)
	if err == nil {
		defer func() { c.Close() }()
		err = openRest(c, process, config)
	}
	switch {
	case errors.Is(err, policy.ErrAmbiguous):
		return ambiguous(config, err), nil
	case errors.Is(err, fs.ErrPermission):
		return unseen(p, config, err)
	case err != nil:
		return nil, err
	}
	return v.view(c)
}

// Bundle plans for a bundle that has no process. Namespaces that can't be
// looked at, or are not there yet, are no error but in the plan.
func (v *Viewer) Bundle(p *policy.Policy, config *specs.Spec) (*Plan, error) {
	c, err := container.Foresee(p, v.proc, config)
	if errors.Is(err, policy.ErrAmbiguous) {
		return ambiguous(config, err), nil
	}
	if err != nil {
		return unseen(p, config, err)
	}
	defer c.Close()
	plan, err := v.view(c)
	if err != nil {
		return unseen(p, config, err)
	}
	return plan, nil
}

// openRest opens the namespaces that the hook need not enter, since the keys
// there are the runtime's to set or are left.
func openRest(c *container.Container, process *spec.Process, config *specs.Spec) error {
	if len(c.Decisions.Refused()) > 0 {
		return nil
	}
	opened := map[specs.LinuxNamespaceType]bool{}
	for _, ns := range c.Namespaces {
		opened[ns.Type] = true
	}
	for _, d := range c.Decisions.List {
		t, err := d.Key.Namespace()
		if kind, _ := spec.KindOf(config, t); err != nil || kind == spec.Host || opened[t] {
			continue
		}
		ns, err := process.Namespace(config, t)
		if err != nil {
			return err
		}
		opened[t] = true
		if ns.Kind == spec.Host {
			_ = ns.Close()
			continue
		}
		c.Namespaces = append(c.Namespaces, ns)
	}
	return nil
}

// view settles the decisions and reads the values. Of a container that is
// refused the hook looks at no more.
func (v *Viewer) view(c *container.Container) (*Plan, error) {
	if len(c.Namespaces) == 0 || len(c.Decisions.Refused()) > 0 {
		return newPlan(c.Decisions), nil
	}
	var plan *Plan
	var err error
	v.thread.Do(func() { plan, err = v.visit(c) })
	return plan, err
}

func (v *Viewer) visit(c *container.Container) (*Plan, error) {
	visit, err := c.Enter(v.proc)
	if err != nil {
		return nil, err
	}
	if err := c.Settle(&values{Visit: visit, fresh: v.fresh}); err != nil {
		return nil, err
	}
	plan := newPlan(c.Decisions)
	for i := range plan.Decisions {
		if err := plan.Decisions[i].look(visit, c.Namespaces); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// look reads the key's value, if its namespace was entered.
func (d *Decision) look(visit *sysctl.Visit, entered []*spec.Namespace) error {
	t, err := d.Key.Namespace()
	if err != nil || d.Key.IsPattern() {
		return nil // refused as it is, or the host's
	}
	for _, ns := range entered {
		if ns.Type == t {
			return d.read(visit)
		}
	}
	return nil
}

func (d *Decision) read(visit *sysctl.Visit) (err error) {
	d.Now, err = visit.Read(d.Key)
	switch {
	case errors.Is(err, sysctl.ErrNoKey):
		d.Absent = true
	case err != nil:
		return fmt.Errorf("%s: %w", d.Key, err)
	default:
		d.Known = true
	}
	return nil
}

// ambiguous is the plan for a container of which nobody can tell which rules
// are for it. The hook refuses it for no sysctl of its own.
func ambiguous(config *specs.Spec, cause error) *Plan {
	refusal := policy.Decision{Verdict: policy.Refuse, Reason: cause.Error()}
	return &Plan{Identity: policy.Identify(config.Annotations), Decisions: []Decision{{Decision: refusal}}}
}

func unseen(p *policy.Policy, config *specs.Spec, cause error) (*Plan, error) {
	decisions, err := container.Unseen(p, config)
	if err != nil {
		return nil, err
	}
	plan := newPlan(decisions)
	plan.Unseen, plan.Patterns = cause, decisions.Patterns()
	return plan, nil
}

func newPlan(decisions *policy.Decisions) *Plan {
	plan := &Plan{Identity: decisions.Identity, Decisions: make([]Decision, len(decisions.List))}
	for i, d := range decisions.List {
		plan.Decisions[i].Decision = d
	}
	return plan
}

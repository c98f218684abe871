// Package container brings a policy and a container together: it decides with
// the container's namespaces open. The hook and those who ask what the hook
// would do both start here, so that they can't disagree.
package container

import (
	"maps"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Container is a container that a policy has decided on.
type Container struct {
	Decisions  *policy.Decisions
	Namespaces []*spec.Namespace // those that the decisions need, open

	kinds map[specs.LinuxNamespaceType]spec.NamespaceKind
}

// sysctlNamespaces are the types of namespace that hold sysctls.
func sysctlNamespaces() []specs.LinuxNamespaceType {
	return []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}
}

// Decide decides from what config.json says, opens the namespaces that the
// decisions need, and decides again if one that is joined by path turns out to
// be the host's. The caller closes the container. Refusals are no error: they
// stand in the decisions.
func Decide(p *policy.Policy, process *spec.Process, config *specs.Spec) (*Container, error) {
	return decide(p, config, process.Namespace)
}

// Foresee is Decide for a bundle that has no process yet. What the container
// would get new is new here too, and nothing else uses it.
func Foresee(p *policy.Policy, proc *procfs.Root, config *specs.Spec) (*Container, error) {
	return decide(p, config, func(config *specs.Spec, t specs.LinuxNamespaceType) (*spec.Namespace, error) {
		return spec.Foresee(proc, config, t)
	})
}

// opener opens the container's namespace of a type.
type opener func(*specs.Spec, specs.LinuxNamespaceType) (*spec.Namespace, error)

func decide(p *policy.Policy, config *specs.Spec, namespace opener) (*Container, error) {
	c := newContainer(config)
	if err := c.decide(p, config); err != nil {
		return nil, err
	}
	if len(c.Decisions.Refused()) > 0 {
		return c, nil
	}
	changed, err := c.open(config, namespace)
	if err == nil && changed {
		err = c.decide(p, config)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func newContainer(config *specs.Spec) *Container {
	c := &Container{kinds: map[specs.LinuxNamespaceType]spec.NamespaceKind{}}
	for _, t := range sysctlNamespaces() {
		c.kinds[t], _ = spec.KindOf(config, t)
	}
	return c
}

func (c *Container) decide(p *policy.Policy, config *specs.Spec) (err error) {
	c.Decisions, err = p.Decide(policy.Container{
		Annotations: config.Annotations,
		Sysctl:      sysctls(config),
		Namespaces:  c.kinds,
	})
	return err
}

// sysctls is linux.sysctl, with the domain name that the bundle asks for as a
// member of its own, which newer runtimes set in the same way. Its name is another
// spelling, so that neither hides the other.
func sysctls(config *specs.Spec) map[string]string {
	if config.Domainname == "" {
		return config.Linux.Sysctl
	}
	all := map[string]string{"/kernel/domainname": config.Domainname}
	maps.Copy(all, config.Linux.Sysctl)
	return all
}

// open opens what the decisions need and reports whether one of these is the
// host's.
func (c *Container) open(config *specs.Spec, namespace opener) (host bool, err error) {
	for _, t := range c.Decisions.Needs() {
		ns, err := namespace(config, t)
		if err != nil {
			return false, err
		}
		if c.kinds[t] = ns.Kind; ns.Kind == spec.Host {
			host = true
			_ = ns.Close()
			continue
		}
		c.Namespaces = append(c.Namespaces, ns)
	}
	return host, nil
}

// Enter moves the calling thread into the namespaces; see sysctl.Enter.
func (c *Container) Enter(proc *procfs.Root) (*sysctl.Visit, error) {
	return sysctl.Enter(proc, c.Namespaces)
}

// Settle completes the decisions from what the namespaces hold.
func (c *Container) Settle(values policy.Values) error {
	return c.Decisions.Settle(c.kinds, values)
}

// Close closes the namespaces.
func (c *Container) Close() {
	for _, ns := range c.Namespaces {
		_ = ns.Close()
	}
}

// Unseen decides from what config.json says alone, for those who may not look
// at the namespaces: decisions that depend on what these hold stay
// policy.Judge, and patterns stay unexpanded.
func Unseen(p *policy.Policy, config *specs.Spec) (*policy.Decisions, error) {
	c := newContainer(config)
	err := c.decide(p, config)
	return c.Decisions, err
}

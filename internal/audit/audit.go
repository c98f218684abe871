// Package audit compares what a policy says about running containers with what
// their namespaces hold. It writes nothing.
package audit

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/inventory"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// hookName is the base name of the hook's program.
const hookName = "oci-sysctl-hook"

// Container is what the audit found out about a container.
type Container struct {
	inventory.Container
	Identity    policy.Identity
	Netns       uint64 // inode number of the network namespace
	HostNetwork bool
	Hooked      bool // its configuration runs the hook
	Keys        []Key
	Err         error // why it could not be looked at, or not wholly
}

// Run looks at the containers that still run, and returns them sorted by who
// they are. One that ends meanwhile is left out.
func Run(p *policy.Policy, proc *procfs.Root, containers []inventory.Container) []Container {
	results := make([]*Container, len(containers))
	next := make(chan int)
	fresh := &plan.Fresh{}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			viewer := plan.NewViewer(proc, fresh)
			defer viewer.Close()
			for i := range next {
				results[i] = look(p, proc, viewer, containers[i])
			}
		})
	}
	for i := range containers {
		next <- i
	}
	close(next)
	workers.Wait()
	looked := sorted(results)
	share(looked)
	return looked
}

func sorted(results []*Container) []Container {
	var containers []Container
	for _, c := range results {
		if c != nil {
			containers = append(containers, *c)
		}
	}
	slices.SortStableFunc(containers, func(a, b Container) int {
		return slices.Compare(a.names(), b.names())
	})
	return containers
}

func (c *Container) names() []string {
	return []string{c.Identity.PodNamespace, c.Identity.Pod, c.Identity.Container, c.ID}
}

// look returns nil for a container that does not run.
func look(p *policy.Policy, proc *procfs.Root, viewer *plan.Viewer, found inventory.Container) *Container {
	c := &Container{Container: found}
	process, err := found.Pin(proc)
	if errors.Is(err, spec.ErrEnded) {
		return nil
	}
	if err != nil {
		c.Err = err
		return c
	}
	defer process.Close()
	c.Err = c.fill(p, viewer, process)
	if c.Err == nil {
		return c
	}
	// A process loses its namespaces before it is seen to have ended.
	if _, err := process.StartTime(); errors.Is(err, spec.ErrEnded) || errors.Is(c.Err, spec.ErrEnded) {
		return nil
	}
	return c
}

func (c *Container) fill(p *policy.Policy, viewer *plan.Viewer, process *spec.Process) error {
	config, err := spec.ReadConfig(c.Bundle)
	if err != nil {
		return err
	}
	c.Identity = policy.Identify(config.Annotations)
	hooks, err := spec.ReadHooks(c.Bundle)
	if err != nil {
		return err
	}
	c.Hooked = slices.ContainsFunc(hooks, func(path string) bool { return filepath.Base(path) == hookName })
	if err := c.network(process, config); err != nil {
		return err
	}
	seen, err := viewer.Running(p, process, config)
	if err != nil {
		return err
	}
	looked := seen.Unseen == nil && !seen.Refused()
	for _, d := range seen.Decisions {
		c.Keys = append(c.Keys, newKey(d, looked))
	}
	slices.SortStableFunc(c.Keys, func(a, b Key) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return seen.Unseen
}

func (c *Container) network(process *spec.Process, config *specs.Spec) error {
	ns, err := process.Namespace(config, specs.NetworkNamespace)
	if err != nil {
		return err
	}
	c.HostNetwork, c.Netns = ns.Kind == spec.Host, ns.Ino
	return ns.Close()
}

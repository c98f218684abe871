// Command decide does what the hook does before it looks at the container's
// process: it reads the state and the bundle, loads the policy and decides.
// Instructions are counted of this program, since valgrind lacks openat2(2).
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

func main() {
	if err := decide(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "decide:", err)
		os.Exit(1)
	}
}

func decide(policyDirs []string) error {
	const patience = time.Minute // valgrind is slow
	state, err := spec.ReadState(0, patience)
	if err != nil {
		return err
	}
	config, err := spec.ReadConfig(state.Bundle)
	if err != nil {
		return err
	}
	p, err := policy.Load(policyDirs)
	if err != nil {
		return err
	}
	kind, _ := spec.KindOf(config, specs.NetworkNamespace)
	decisions, err := p.Decide(policy.Container{
		Annotations: config.Annotations,
		Sysctl:      config.Linux.Sysctl,
		Namespaces:  map[specs.LinuxNamespaceType]spec.NamespaceKind{specs.NetworkNamespace: kind},
	})
	if err != nil {
		return err
	}
	for _, a := range decisions.Assignments() {
		fmt.Println(a.Key, a.Value)
	}
	return nil
}

package check

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/thread"
)

// scratchTypes are the types of namespace that hold sysctls.
var scratchTypes = [...]specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}

// inScratch runs f in new namespaces of all types, which end with it. If one
// can't be made, f does not run: it would write to the host.
func inScratch(proc *procfs.Root, f func(*sysctl.Visit) error) (err error) {
	t := thread.New()
	defer t.End()
	t.Do(func() {
		for _, namespace := range scratchTypes {
			if err = (&spec.Namespace{Type: namespace}).EnterNew(); err != nil {
				return
			}
		}
		var visit *sysctl.Visit
		if visit, err = sysctl.Enter(proc, nil); err == nil {
			err = f(visit)
		}
	})
	return err
}

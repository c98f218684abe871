package inventory

import (
	"errors"
	"io/fs"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// Pin opens the container's process. The error is spec.ErrEnded if it does not
// run any more, also if another process has its pid now. The caller closes the
// process.
func (c *Container) Pin(proc *procfs.Root) (*spec.Process, error) {
	if c.Pid <= 0 {
		return nil, spec.ErrEnded // a runtime's word for a container that has stopped
	}
	process, err := spec.Pin(proc, c.Pid)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, spec.ErrEnded
	}
	if err != nil {
		return nil, err
	}
	if err := c.verify(process); err != nil {
		_ = process.Close()
		return nil, err
	}
	return process, nil
}

func (c *Container) verify(process *spec.Process) error {
	start, err := process.StartTime()
	if err == nil && c.Start != 0 && start != c.Start {
		err = spec.ErrEnded
	}
	return err
}

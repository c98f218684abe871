package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// Visit is the calling thread's stay in a container's namespaces. The thread is
// never brought back: it is of no use to anything else afterwards.
type Visit struct {
	*Tree
	namespaces []*spec.Namespace
}

// Enter moves the calling thread into the namespaces and locks the goroutine to
// it, for good.
func Enter(proc *procfs.Root, namespaces []*spec.Namespace) (*Visit, error) {
	// Not before: the thread that the Go runtime keeps to make others from, once
	// one is locked, costs a container that there is nothing to do for.
	runtime.LockOSThread()
	for _, ns := range namespaces {
		if err := ns.Enter(); err != nil {
			return nil, err
		}
	}
	return &Visit{Tree: NewTree(proc), namespaces: namespaces}, nil
}

// Fresh returns what the keys hold in new namespaces of the types that the
// container joined. A key that a new namespace lacks, such as one of an
// interface that somebody added, is looked up in the namespace's defaults for
// interfaces, and missing from the result if it is not there.
//
// It looks from a thread of its own, which ends afterwards: a new namespace may
// copy from the one that it is made in, which must not be the container's, and
// a process in a user namespace can't go back to where it was. The Go runtime
// never makes a thread from one that is locked.
func (v *Visit) Fresh(keys []Key) (values map[Key]string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		values, err = v.fresh(keys)
	}()
	<-done
	return values, err
}

func (v *Visit) fresh(keys []Key) (map[Key]string, error) {
	for _, ns := range v.namespaces {
		if ns.Kind != spec.Joined {
			continue
		}
		if err := ns.EnterNew(); err != nil {
			return nil, err
		}
	}
	values := make(map[Key]string, len(keys))
	for _, key := range keys {
		value, err := v.readOrDefault(key)
		switch {
		case err == nil:
			values[key] = value
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s in a new namespace: %w", key, err)
		}
	}
	return values, nil
}

func (v *Visit) readOrDefault(key Key) (string, error) {
	value, err := v.Read(key)
	if def, ok := key.InterfaceDefault(); ok && errors.Is(err, fs.ErrNotExist) {
		return v.Read(def)
	}
	return value, err
}

// InterfaceDefault returns the key that holds, in a new namespace, what a new
// interface takes its value from: the kernel keeps one for each interface in the
// directories conf and neigh of net/ipv4 and net/ipv6. Only the host's namespace
// has neigh/default (neigh_sysctl_register); lo has the same values in a new one.
func (k Key) InterfaceDefault() (Key, bool) {
	c := strings.Split(string(k), "/")
	if len(c) != 5 || c[0] != "net" || (c[1] != "ipv4" && c[1] != "ipv6") {
		return "", false
	}
	switch c[2] {
	case "conf":
		c[3] = "default"
	case "neigh":
		c[3] = "lo"
	default:
		return "", false
	}
	return Key(strings.Join(c, "/")), true
}

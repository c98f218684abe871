package spec

import (
	"fmt"
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// Foresee opens a namespace such as the container of config.json would get, for
// a look before it has a process: the one that it joins by path, or a new one,
// which nothing else uses. Kind is as for Process.Namespace.
func Foresee(proc *procfs.Root, config *specs.Spec, t specs.LinuxNamespaceType) (*Namespace, error) {
	switch kind, path := KindOf(config, t); kind {
	case Joined:
		return openJoined(proc, t, path)
	case New:
		return openNew(proc, t)
	default:
		return &Namespace{Type: t, Kind: Host, fd: -1}, nil
	}
}

func openJoined(proc *procfs.Root, t specs.LinuxNamespaceType, path string) (*Namespace, error) {
	// Not blocking: the path may be anything, such as a named pipe.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("the %s namespace %s: %w", t, quote.Text(path), err)
	}
	ns := &Namespace{Type: t, Kind: Joined, fd: fd}
	if err := ns.identify(proc); err != nil {
		_ = ns.Close()
		return nil, fmt.Errorf("the %s namespace %s: %w", t, quote.Text(path), err)
	}
	return ns, nil
}

func (n *Namespace) identify(proc *procfs.Root) error {
	var st unix.Stat_t
	if err := statNamespace(n.fd, &st); err != nil {
		return err
	}
	n.Ino = st.Ino
	host, err := (&Process{proc: proc}).isHost(n.Type, &st)
	if host {
		n.Kind = Host
	}
	return err
}

// openNew makes the namespace on a thread of its own, which ends: the calling
// one stays where it is. The descriptor keeps the namespace alive.
func openNew(proc *procfs.Root, t specs.LinuxNamespaceType) (ns *Namespace, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		ns, err = unshare(proc, t)
	}()
	<-done
	return ns, err
}

func unshare(proc *procfs.Root, t specs.LinuxNamespaceType) (*Namespace, error) {
	if err := (&Namespace{Type: t}).EnterNew(); err != nil {
		return nil, err
	}
	self, err := Pin(proc, unix.Gettid())
	if err != nil {
		return nil, err
	}
	defer self.Close()
	ns, _, err := self.open(t)
	if err != nil {
		return nil, err
	}
	ns.Kind = New
	return ns, nil
}

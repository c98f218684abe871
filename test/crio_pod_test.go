package test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// crioPod is a pod as CRI-O makes one, up to its containers: new namespaces,
// pinned by bind mounts and with the pod's sysctls in them (pinns/src/pinns.c),
// that get an interface then. There is no infra container.
type crioPod struct {
	name, namespace string
	annotations     map[string]string // metadata.annotations
	sysctls         map[string]string // securityContext.sysctls
	hostNetwork     bool
	ownUsers        bool // hostUsers: false

	pins map[specs.LinuxNamespaceType]string
}

// pinned are the namespaces that a pod has, in the order of CRI-O's config.json.
func (p *crioPod) pinned() []specs.LinuxNamespaceType {
	kinds := []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}
	if p.hostNetwork {
		kinds = kinds[1:]
	}
	if p.ownUsers {
		kinds = append(kinds, specs.UserNamespace)
	}
	return kinds
}

// podNamespaces is how the kernel and CRI-O's directories name the namespaces.
var podNamespaces = map[specs.LinuxNamespaceType]struct {
	flag      int
	proc, dir string
}{
	specs.NetworkNamespace: {unix.CLONE_NEWNET, "net", "netns"},
	specs.IPCNamespace:     {unix.CLONE_NEWIPC, "ipc", "ipcns"},
	specs.UTSNamespace:     {unix.CLONE_NEWUTS, "uts", "utsns"},
	specs.UserNamespace:    {unix.CLONE_NEWUSER, "user", "userns"},
}

// podIDs are the host's users that a pod with users of its own has.
var podIDs = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 65536}}

// create makes the pod's namespaces. They are gone when the test ends.
func (p *crioPod) create(t *testing.T) *crioPod {
	t.Helper()
	needRoot(t)
	run, id := t.TempDir(), newID()
	p.pins = make(map[specs.LinuxNamespaceType]string)
	flags := 0
	for _, kind := range p.pinned() {
		dir := filepath.Join(run, podNamespaces[kind].dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		p.pins[kind] = filepath.Join(dir, id)
		writeFile(t, p.pins[kind], "")
		t.Cleanup(func() { unix.Unmount(p.pins[kind], unix.MNT_DETACH) })
		flags |= podNamespaces[kind].flag
	}
	if err := p.unshare(flags); err != nil {
		t.Fatal(err)
	}
	for key, value := range p.sysctls {
		p.holding(t, key).set(t, key, value)
	}
	if !p.hostNetwork {
		if err := p.network(t).enter(addInterface); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// unshare makes the namespaces and pins them.
func (p *crioPod) unshare(flags int) error {
	if p.ownUsers {
		return p.unshareProcess(flags)
	}
	return onThread(func() error {
		if err := unix.Unshare(flags); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		return p.pin("/proc/thread-self/ns")
	})
}

// unshareProcess does it in a process: a thread cannot have users of its own.
func (p *crioPod) unshareProcess(flags int) error {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: int(podIDs[0].HostID), Size: int(podIDs[0].Size)}}
	holder := exec.Command("sleep", "300")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: uintptr(flags), UidMappings: ids, GidMappings: ids}
	if err := holder.Start(); err != nil {
		return err
	}
	defer holder.Wait()
	defer holder.Process.Kill()
	return p.pin(fmt.Sprintf("/proc/%d/ns", holder.Process.Pid))
}

func (p *crioPod) pin(from string) error {
	for kind, path := range p.pins {
		if err := unix.Mount(filepath.Join(from, podNamespaces[kind].proc), path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("pin %s: %w", path, err)
		}
	}
	return nil
}

// addInterface does what a CNI plugin does, but for the other end, which stays
// in the pod.
func addInterface() error {
	out, err := exec.Command("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "uplink").CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip link: %w: %s", err, out)
	}
	return nil
}

// network is the pod's network namespace.
func (p *crioPod) network(t *testing.T) netns {
	t.Helper()
	return netns{p.hold(t, specs.NetworkNamespace)}
}

// holding is the pod's namespace that a key is in. A key of no namespace that
// the pod has of its own would be the host's: that ends the test.
func (p *crioPod) holding(t *testing.T, key string) heldNamespace {
	t.Helper()
	for _, in := range []struct {
		prefix string
		kind   specs.LinuxNamespaceType
	}{
		{"net.", specs.NetworkNamespace},
		{"kernel.shm", specs.IPCNamespace},
		{"kernel.msg", specs.IPCNamespace},
		{"kernel.sem", specs.IPCNamespace},
		{"fs.mqueue.", specs.IPCNamespace},
		{domainname, specs.UTSNamespace},
	} {
		if strings.HasPrefix(key, in.prefix) {
			return p.hold(t, in.kind)
		}
	}
	t.Fatalf("%s is in no namespace of a pod's", key)
	return heldNamespace{}
}

func (p *crioPod) hold(t *testing.T, kind specs.LinuxNamespaceType) heldNamespace {
	t.Helper()
	path, ok := p.pins[kind]
	if !ok {
		t.Fatalf("the pod has no %s namespace of its own", kind)
	}
	ns := hold(t, path, podNamespaces[kind].flag)
	// Not /proc/self: the first thread of this process may be in a pod for good.
	var st, host unix.Stat_t
	if err := errors.Join(unix.Fstat(int(ns.file.Fd()), &st), unix.Stat("/proc/thread-self/ns/"+podNamespaces[kind].proc, &host)); err != nil {
		t.Fatal(err)
	}
	if st.Dev == host.Dev && st.Ino == host.Ino {
		t.Fatalf("the pod's %s namespace is the host's", kind)
	}
	return ns
}

// values are what the keys hold in the pod.
func (p *crioPod) values(t *testing.T, keys ...string) map[string]string {
	t.Helper()
	values := make(map[string]string)
	for _, key := range keys {
		maps.Copy(values, p.holding(t, key).get(t, key))
	}
	return values
}

// container is the spec that CRI-O gives the runtime for an app container,
// which prints keys. A restart is a container with a higher attempt.
func (p *crioPod) container(name string, attempt int, keys ...string) *specs.Spec {
	spec := printing(keys...)
	spec.Hostname = p.name
	spec.Annotations = p.annotationsOf(name, attempt)
	namespaces := []specs.LinuxNamespace{{Type: specs.PIDNamespace}}
	for _, kind := range p.pinned() {
		namespaces = append(namespaces, specs.LinuxNamespace{Type: kind, Path: p.pins[kind]})
	}
	spec.Linux.Namespaces = append(namespaces, specs.LinuxNamespace{Type: specs.MountNamespace})
	if p.ownUsers {
		spec.Linux.UIDMappings, spec.Linux.GIDMappings = podIDs, podIDs
	}
	return spec
}

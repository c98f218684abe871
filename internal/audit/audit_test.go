package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/inventory"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

const keepalive = `
[[rule]]
name = "keepalive"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = 600
"net.ipv4.tcp_keepalive_intvl" = { value = 10, override = "none" }
"net.ipv4.tcp_keepalive_probes" = { value = 6, override = { min = 1, max = 9 } }
`

func load(t *testing.T, text string) *policy.Policy {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "10-test.toml"), []byte(text))
	p, err := policy.Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, path string, value any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, data)
}

// node is a node's containers, made by the test: their states, bundles and
// processes.
type node struct {
	root   string
	config *specs.Spec // what all have in common
}

// newNode takes the configuration from what a real CRI-O wrote.
func newNode(t *testing.T) *node {
	t.Helper()
	data, err := os.ReadFile("../spec/testdata/crio-1.37-runc-1.1.5/config.json")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{root: t.TempDir()}
	if err := json.Unmarshal(data, &n.config); err != nil {
		t.Fatal(err)
	}
	return n
}

// add starts a container's process in new namespaces, which the configuration
// makes new or joins by path.
func (n *node) add(t *testing.T, id string, joined bool) (pid int) {
	t.Helper()
	pid = nstest.Start(t, syscall.CLONE_NEWNET|syscall.CLONE_NEWIPC|syscall.CLONE_NEWUTS)
	config := *n.config
	config.Linux = &specs.Linux{}
	for _, typ := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace} {
		ns := specs.LinuxNamespace{Type: typ}
		if joined {
			ns.Path = fmt.Sprintf("/proc/%d/ns/%s", pid, map[specs.LinuxNamespaceType]string{
				specs.NetworkNamespace: "net", specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts",
			}[typ])
		}
		config.Linux.Namespaces = append(config.Linux.Namespaces, ns)
	}
	n.place(t, id, pid, &config)
	return pid
}

// place writes the state and the bundle of a container.
func (n *node) place(t *testing.T, id string, pid int, config *specs.Spec) {
	t.Helper()
	bundle := filepath.Join(n.root, "bundles", id)
	writeJSON(t, filepath.Join(bundle, "config.json"), config)
	writeJSON(t, filepath.Join(n.root, "runc", id, "state.json"), map[string]any{
		"id": id, "init_process_pid": pid, "config": map[string]any{"labels": []string{"bundle=" + bundle}},
	})
}

func (n *node) list(t *testing.T) []inventory.Container {
	t.Helper()
	containers, err := inventory.List([]string{filepath.Join(n.root, "runc")})
	if err != nil {
		t.Fatal(err)
	}
	return containers
}

// statuses counts the keys, by how they stand.
func statuses(containers []Container) map[Status]int {
	count := map[Status]int{}
	for _, c := range containers {
		for _, k := range c.Keys {
			count[k.Status]++
		}
	}
	return count
}

// The audit of a full node must be quick enough to be run every few minutes.
func TestThousandContainers(t *testing.T) {
	const many, limit = 1000, 2 * time.Second
	p, proc, n := load(t, keepalive), nstest.OpenProc(t), newNode(t)
	for i := range many {
		n.add(t, fmt.Sprintf("c%03d", i), i%2 == 0)
	}
	var first []Container
	for range 3 {
		began := time.Now()
		containers := Run(p, proc, n.list(t))
		if took := time.Since(began); took > limit {
			t.Errorf("%d containers in %v, want less than %v", many, took, limit)
		}
		if first == nil {
			first = containers
		}
		for _, c := range containers {
			if c.Err != nil {
				t.Fatalf("%s: %v", c.ID, c.Err)
			}
		}
		// All drift, each time: the audit has not put them right.
		if diff := cmp.Diff(map[Status]int{Drift: 3 * many}, statuses(containers)); diff != "" {
			t.Fatalf("sysctls (-want +got):\n%s", diff)
		}
	}
	if len(first) != many {
		t.Errorf("%d containers, want %d", len(first), many)
	}
}

// Containers that end while the audit is at work are left out, without an error.
func TestContainersThatEnd(t *testing.T) {
	const many = 100
	p, proc, n := load(t, keepalive), nstest.OpenProc(t), newNode(t)
	pids := make([]int, many)
	for i := range many {
		pids[i] = n.add(t, fmt.Sprintf("c%03d", i), i%2 == 0)
	}
	listed := n.list(t)
	kill(t, pids[0])
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, pid := range pids[1:] {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}()
	during := Run(p, proc, listed)
	<-done
	for _, c := range during {
		if c.Err != nil {
			t.Errorf("%s: %v", c.ID, c.Err)
		}
		if c.ID == "c000" {
			t.Error("a container is there that ended before")
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for after := Run(p, proc, listed); len(after) > 0; after = Run(p, proc, listed) {
		if time.Now().After(deadline) {
			t.Fatalf("%d containers are there that have ended", len(after))
		}
	}
}

// kill ends a process for good: until it is only waited for.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	const exited = 4 // WEXITED of waitid(2)
	const keep = 0x01000000
	if _, _, errno := syscall.Syscall6(syscall.SYS_WAITID, 1, uintptr(pid), 0, exited|keep, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}

func TestRun(t *testing.T) {
	p, proc, n := load(t, keepalive+`"kernel.shm_rmid_forced" = 1
"net.ipv4.conf.*.rp_filter" = { value = 2, override = "any" }
"net.ipv4.no_such_key" = { value = 1, optional = true }
"net.ipv4.nor_this" = 1
`), nstest.OpenProc(t), newNode(t)

	n.config.Annotations = map[string]string{
		"io.kubernetes.pod.namespace": "b", "io.kubernetes.pod.name": "pod", "io.kubernetes.container.name": "app",
	}
	n.config.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/usr/libexec/oci/hooks.d/oci-sysctl-hook"}}}
	n.add(t, "hooked", false)
	n.config.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/usr/libexec/oci/hooks.d/oci-sysctl-hook"}}}
	n.config.Annotations = map[string]string{"io.kubernetes.pod.namespace": "a"}
	n.add(t, "joined", true)

	n.config.Annotations = nil
	n.config.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	n.place(t, "of-host", nstest.Start(t, 0), n.config)
	n.config.Annotations = map[string]string{"oci-sysctl-hook/net.ipv4.tcp_keepalive_intvl": "11"}
	n.config.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	n.place(t, "refused", nstest.Start(t, syscall.CLONE_NEWNET), n.config)

	n.place(t, "not-its-bundle", nstest.Start(t, 0), n.config)
	n.place(t, "without-bundle", nstest.Start(t, 0), n.config)
	if err := os.RemoveAll(filepath.Join(n.root, "bundles", "without-bundle")); err != nil {
		t.Fatal(err)
	}

	type result struct {
		Hooked, HostNetwork, Err bool
		Keys                     map[string]Status
	}
	got := map[string]result{}
	var order []string
	for _, c := range Run(p, proc, n.list(t)) {
		r := result{Hooked: c.Hooked, HostNetwork: c.HostNetwork, Err: c.Err != nil, Keys: map[string]Status{}}
		for _, k := range c.Keys {
			r.Keys[k.Key.String()] = k.Status
		}
		got[c.ID] = r
		order = append(order, c.ID)
	}
	drift := map[string]Status{
		"net.ipv4.tcp_keepalive_time": Drift, "net.ipv4.tcp_keepalive_intvl": Drift, "net.ipv4.tcp_keepalive_probes": Drift,
		"kernel.shm_rmid_forced": Drift, "net.ipv4.no_such_key": OK, "net.ipv4.nor_this": Missing,
		"net.ipv4.conf.all.rp_filter": Drift, "net.ipv4.conf.default.rp_filter": Drift, "net.ipv4.conf.lo.rp_filter": Drift,
	}
	all := func(status Status) map[string]Status {
		keys := map[string]Status{"net.ipv4.conf.*.rp_filter": status}
		for key := range drift {
			keys[key] = status
		}
		for _, key := range []string{"all", "default", "lo"} {
			delete(keys, "net.ipv4.conf."+key+".rp_filter")
		}
		return keys
	}
	refused := all(Undecided)
	delete(refused, "net.ipv4.conf.*.rp_filter") // is never expanded
	refused["net.ipv4.tcp_keepalive_intvl"] = Refused
	want := map[string]result{
		"hooked":         {Hooked: true, Keys: drift},
		"joined":         {Keys: drift},
		"of-host":        {HostNetwork: true, Keys: all(Host)},
		"refused":        {Keys: refused},
		"not-its-bundle": {Err: true, Keys: map[string]Status{}},
		"without-bundle": {Err: true, Keys: map[string]Status{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"not-its-bundle", "of-host", "refused", "without-bundle", "joined", "hooked"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

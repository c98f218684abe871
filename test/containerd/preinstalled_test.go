package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// preinstall puts the plugin and its configuration where containerd looks.
func (n *node) preinstall(t *testing.T, config string) (plugin string) {
	t.Helper()
	plugin = filepath.Join(n.dir, "nri/plugins/50-oci-sysctl-nri")
	if err := os.Symlink(built(t, "oci-sysctl-nri"), plugin); err != nil {
		t.Fatal(err)
	}
	n.write(t, "nri/conf.d/oci-sysctl-nri.conf", config)
	return plugin
}

// containerd starts the plugin, and each containerd starts one of its own.
func TestPreinstalled(t *testing.T) {
	n := makeNode(t, nodeConfig{})
	hook := n.newWitness(t)
	plugin := n.preinstall(t, fmt.Sprintf("hook = %q\nhook_args = [\"--log=none\"]\ntimeout = 7\n", hook.path))
	n.start(t)
	p := n.runPod(t, pod{})
	id := p.mustStart(t, "app")
	got := hook.all(t)[id].Config.Hooks
	if got == nil || len(got.CreateRuntime) != 1 || got.CreateRuntime[0].Args[1] != "--log=none" || *got.CreateRuntime[0].Timeout != 7 {
		t.Fatalf("the container's hooks are not as configured: %+v", got)
	}
	for _, signal := range []os.Signal{unix.SIGTERM, unix.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			n.stop(t, signal)
			n.eventually(t, "the plugin ends with containerd", func() bool { return len(running(t, plugin)) == 0 })
			n.start(t)
			if pids := running(t, plugin); len(pids) != 1 {
				t.Errorf("%d plugins run: %v, want 1", len(pids), pids)
			}
			if id := p.mustStart(t, "after-"+strings.ReplaceAll(signal.String(), " ", "-")); !hook.saw(t, id) {
				t.Error("no hook after the restart")
			}
		})
	}
}

// containerd starts a plugin once. One that has ended is missing until
// containerd is started again.
func TestPreinstalledEnds(t *testing.T) {
	n := makeNode(t, nodeConfig{Required: []string{"oci-sysctl-nri"}})
	plugin := n.preinstall(t, fmt.Sprintf("hook = %q\n", n.newWitness(t).path))
	n.start(t)
	n.runPod(t, pod{}).mustStart(t, "before")
	pids := running(t, plugin)
	if len(pids) != 1 {
		t.Fatalf("%d plugins run: %v, want 1", len(pids), pids)
	}
	if err := unix.Kill(pids[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.eventually(t, "containerd misses the plugin", func() bool {
		return strings.Contains(n.logged(t), `connection to plugin \"50-oci-sysctl-nri\" closed`)
	})
	// The pod's start is what containerd finds the end by. Without one, the next
	// container would get by.
	if _, stage, err := n.runPod(t, pod{}).start(t, "after"); stage != "CreateContainer" || !strings.Contains(err.Error(), "not present") {
		t.Errorf("%q: %v; want CreateContainer to fail for the missing plugin", stage, err)
	}
}

// What is wrong with the plugin or its configuration fails the containers, so
// that people see it: the stderr of a plugin that containerd started is lost.
func TestPreinstalledWrong(t *testing.T) {
	need(t)
	for name, test := range map[string]struct{ config, want string }{
		"no hook":     {`hook = "/nonexistent/hook"`, "oci-sysctl-nri: hook: stat /nonexistent/hook: no such file or directory"},
		"unknown key": {`hoook = "/bin/true"`, `oci-sysctl-nri: configuration: unknown key "hoook"`},
		"no TOML":     {`hook: /bin/true`, "oci-sysctl-nri: configuration: "},
	} {
		t.Run(name, func(t *testing.T) {
			n := makeNode(t, nodeConfig{})
			n.preinstall(t, test.config+"\n")
			n.start(t)
			_, stage, err := n.runPod(t, pod{}).start(t, "app")
			if stage != "CreateContainer" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %v; want CreateContainer to fail with %q", stage, err, test.want)
			}
		})
	}
}

// running lists the processes that were started as path.
func running(t *testing.T, path string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process that has ended since is none.
		line, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err == nil && strings.HasPrefix(string(line), path+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

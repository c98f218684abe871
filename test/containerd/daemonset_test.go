package containerd

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The plugin runs in a container without a capability, as in
// deploy/containerd/daemonset.yaml, and comes back after containerd does.
func TestPluginInContainer(t *testing.T) {
	n := newNode(t, nodeConfig{})
	hook := n.newWitness(t)
	id, stage, err := n.runPod(t, pod{namespace: "kube-system"}).startWith(t, &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "nri"},
		Command:  []string{"/bin/oci-sysctl-nri", "--hook", hook.path},
		Mounts: []*cri.Mount{
			{HostPath: built(t, "oci-sysctl-nri"), ContainerPath: "/bin/oci-sysctl-nri", Readonly: true},
			{HostPath: hook.path, ContainerPath: hook.path, Readonly: true},
			{HostPath: n.dir + "/nri", ContainerPath: "/var/run/nri"},
		},
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
			Capabilities:   &cri.Capability{DropCapabilities: []string{"ALL"}},
			NoNewPrivs:     true,
			ReadonlyRootfs: true,
		}},
	})
	if err != nil {
		t.Fatalf("%s: %v", stage, err)
	}
	if got := n.exec(t, id, "/bin/cat", "/proc/1/comm"); got != "oci-sysctl-nri" {
		t.Errorf("the plugin's container runs %q", got)
	}
	n.connected(t, 1)
	if id := n.runPod(t, pod{}).mustStart(t, "app"); !hook.saw(t, id) {
		t.Error("no hook from a plugin in a container")
	}
	n.stop(t, unix.SIGTERM)
	n.start(t)
	n.connected(t, 2)
	if id := n.runPod(t, pod{}).mustStart(t, "app"); !hook.saw(t, id) {
		t.Error("no hook after the restart")
	}
}

// connected waits until containerd has logged that it has the plugin, so often.
func (n *node) connected(t *testing.T, times int) {
	t.Helper()
	n.eventually(t, fmt.Sprintf("plugin connected %d times", times), func() bool {
		return strings.Count(n.logged(t), "connected and synchronized") == times
	})
}

// The DaemonSet's script puts the hook and exactly its policy on the node, again
// and again.
func TestInstallScript(t *testing.T) {
	if _, err := exec.LookPath("busybox"); err != nil {
		unavailable(t, "%v", err)
	}
	dir := t.TempDir()
	to, policy, hook := filepath.Join(dir, "to"), filepath.Join(dir, "policy"), filepath.Join(dir, "hook")
	if err := os.Mkdir(policy, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := func(want map[string]string) {
		t.Helper()
		cmd := exec.Command("busybox", "sh", "../../deploy/containerd/install.sh")
		cmd.Env = append(os.Environ(), "TO="+to, "HOOK="+hook, "POLICY="+policy)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if diff := cmp.Diff(want, filesBelow(t, to)); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	}
	write(hook, "hook 1")
	write(policy+"/10-a.toml", "a 1")
	write(policy+"/20-b.toml", "b 1")
	install(map[string]string{"oci-sysctl-hook": "755 hook 1", "policy.d/10-a.toml": "644 a 1", "policy.d/20-b.toml": "644 b 1"})

	write(hook, "hook 2")
	write(policy+"/10-a.toml", "a 2")
	if err := os.Remove(policy + "/20-b.toml"); err != nil {
		t.Fatal(err)
	}
	install(map[string]string{"oci-sysctl-hook": "755 hook 2", "policy.d/10-a.toml": "644 a 2"})
}

// filesBelow gives the mode and content of each file.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = fmt.Sprintf("%o %s", info.Mode().Perm(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

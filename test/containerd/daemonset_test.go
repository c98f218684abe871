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

// The DaemonSet's two containers, made from its manifest, put the hook on the
// node and run the plugin there, which comes back after containerd does.
func TestDaemonSet(t *testing.T) {
	n := newNode(t, nodeConfig{})
	m := n.readManifest(t)
	p := n.runPod(t, pod{namespace: "kube-system"})
	if code := n.ended(t, p.mustRun(t, m.container(t, m.pod().InitContainers[0]))); code != 0 {
		t.Fatalf("the script ended with exit %d: %s", code, p.printed(t, "install"))
	}
	id := p.mustRun(t, m.container(t, m.pod().Containers[0]))
	if got := n.exec(t, id, "/bin/cat", "/proc/1/comm"); got != "oci-sysctl-nri" {
		t.Errorf("the plugin's container runs %q", got)
	}
	n.connected(t, 1)
	if got := n.value(t, n.runPod(t, pod{}).mustStart(t, "app"), keepaliveTime); got != "600" {
		t.Errorf("the value in a container is %s, want 600", got)
	}
	n.stop(t, unix.SIGTERM)
	n.start(t)
	n.connected(t, 2)
	if got := n.value(t, n.runPod(t, pod{}).mustStart(t, "app"), keepaliveTime); got != "600" {
		t.Errorf("after the restart the value in a container is %s, want 600", got)
	}
}

// ended waits for a container's end and gives its exit status.
func (n *node) ended(t *testing.T, id string) (code int32) {
	t.Helper()
	n.eventually(t, "the container has ended", func() bool {
		rpl, err := n.cri.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: id})
		if err != nil {
			t.Fatal(err)
		}
		code = rpl.GetStatus().GetExitCode()
		return rpl.GetStatus().GetState() == cri.ContainerState_CONTAINER_EXITED
	})
	return code
}

// connected waits until containerd has logged that it has the plugin, so often.
func (n *node) connected(t *testing.T, times int) {
	t.Helper()
	n.eventually(t, fmt.Sprintf("plugin connected %d times", times), func() bool {
		return strings.Count(n.logged(t), "connected and synchronized") == times
	})
}

// installer is the DaemonSet's script and what it works on.
type installer struct{ to, policy, hook string }

func newInstaller(t *testing.T) installer {
	t.Helper()
	if _, err := exec.LookPath("busybox"); err != nil {
		unavailable(t, "%v", err)
	}
	dir := t.TempDir()
	i := installer{filepath.Join(dir, "to"), filepath.Join(dir, "policy"), filepath.Join(dir, "hook")}
	if err := os.Mkdir(i.policy, 0o755); err != nil {
		t.Fatal(err)
	}
	return i
}

// bring writes a program that is the built hook, and tells versions apart.
func (i installer) bring(t *testing.T, version string) (content string) {
	t.Helper()
	content = fmt.Sprintf("#!/bin/sh\n# %s\nexec %s \"$@\"\n", version, built(t, "oci-sysctl-hook"))
	if err := os.WriteFile(i.hook, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return content
}

func (i installer) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(i.policy, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (i installer) run() (output string, code int) {
	cmd := exec.Command("busybox", "sh", "../../deploy/containerd/install.sh")
	cmd.Env = append(os.Environ(), "TO="+i.to, "HOOK="+i.hook, "POLICY="+i.policy)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// wantInstalled runs the script and wants exactly these files on the node.
func (i installer) wantInstalled(t *testing.T, want map[string]string) {
	t.Helper()
	if out, code := i.run(); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	if diff := cmp.Diff(want, filesBelow(t, i.to)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// goodPolicy is a policy that differs by its comment.
func goodPolicy(comment string) string {
	return "# " + comment + "\n" + rule("default", `"net.ipv4.tcp_keepalive_time" = 600`, false)
}

// The DaemonSet's script puts the hook and exactly its policy on the node, again
// and again.
func TestInstallScript(t *testing.T) {
	i := newInstaller(t)
	hook := i.bring(t, "hook 1")
	i.write(t, "10-a.toml", goodPolicy("a 1"))
	i.write(t, "20-b.toml", goodPolicy("b 1"))
	i.wantInstalled(t, map[string]string{"oci-sysctl-hook": "755 " + hook,
		"policy.d/10-a.toml": "644 " + goodPolicy("a 1"), "policy.d/20-b.toml": "644 " + goodPolicy("b 1")})

	hook = i.bring(t, "hook 2")
	i.write(t, "10-a.toml", goodPolicy("a 2"))
	if err := os.Remove(filepath.Join(i.policy, "20-b.toml")); err != nil {
		t.Fatal(err)
	}
	i.wantInstalled(t, map[string]string{"oci-sysctl-hook": "755 " + hook, "policy.d/10-a.toml": "644 " + goodPolicy("a 2")})
}

// A policy that would stop every container does not get to the node.
func TestInstallScriptBadPolicy(t *testing.T) {
	i := newInstaller(t)
	hook := i.bring(t, "hook 1")
	i.write(t, "10-a.toml", goodPolicy("a 1"))
	want := map[string]string{"oci-sysctl-hook": "755 " + hook, "policy.d/10-a.toml": "644 " + goodPolicy("a 1")}
	i.wantInstalled(t, want)

	i.bring(t, "hook 2")
	i.write(t, "10-a.toml", "[[rule]]\nnam = 1\n")
	if out, code := i.run(); code != 3 || !strings.Contains(out, "10-a.toml:2") {
		t.Errorf("exit %d, want 3 and the policy's line: %s", code, out)
	}
	if diff := cmp.Diff(want, filesBelow(t, i.to)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
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

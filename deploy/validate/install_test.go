package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	corev1 "k8s.io/api/core/v1"
)

// Where the installer puts things on a node.
const (
	binFile   = "usr/libexec/oci/hooks.d/oci-sysctl-hook"
	hookFile  = "usr/share/containers/oci/hooks.d/oci-sysctl-hook.json"
	policyDir = "usr/share/oci-sysctl-hook/policy.d"
)

// node is a node that the DaemonSet's init container runs on: a kubelet's work
// is done here, a container runtime's by runc.
type node struct {
	rootfs   string // of the image
	host     string // the node's root
	policy   map[string]string
	args     []string
	env      []string
	readOnly string // a host path that is mounted so, against the manifest
}

func newNode(t *testing.T) *node {
	t.Helper()
	needRoot(t)
	policy, _ := daemonSet(t)
	return &node{rootfs: imageRootfs(t), host: t.TempDir(), policy: policy.Data}
}

// ended is a finished init container.
type ended struct {
	code           int
	stdout, stderr string
}

// install runs the init container.
func (n *node) install(t *testing.T) ended {
	t.Helper()
	runc, err := exec.LookPath("runc")
	if pinned, abs := filepath.Abs(filepath.Join(top, "bin/runc")); abs == nil {
		if _, stat := os.Stat(pinned); stat == nil {
			runc, err = pinned, nil
		}
	}
	if err != nil {
		unavailable(t, "no runc: %v, and no bin/runc", err)
	}
	config, err := json.Marshal(n.spec(t))
	if err != nil {
		t.Fatal(err)
	}
	bundle := t.TempDir()
	writeFile(t, filepath.Join(bundle, "config.json"), config, 0o644)
	id := fmt.Sprintf("oci-sysctl-hook-install-%d", os.Getpid())
	cmd := exec.Command(runc, "--root", t.TempDir(), "run", "--bundle", bundle, id)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// spec is the init container as a bundle.
func (n *node) spec(t *testing.T) *specs.Spec {
	t.Helper()
	_, set := daemonSet(t)
	pod := set.Spec.Template.Spec
	c := pod.InitContainers[0]
	args := c.Args
	if n.args != nil {
		args = n.args
	}
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: n.rootfs, Readonly: *c.SecurityContext.ReadOnlyRootFilesystem},
		Process: &specs.Process{
			Args: append(c.Command, args...), Cwd: "/",
			Env:             append(n.env, "PATH=/bin"),
			User:            specs.User{UID: uint32(*c.SecurityContext.RunAsUser), GID: uint32(*c.SecurityContext.RunAsGroup)},
			Capabilities:    &specs.LinuxCapabilities{}, // all are dropped
			NoNewPrivileges: !*c.SecurityContext.AllowPrivilegeEscalation,
		},
		Mounts: append([]specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		}, n.mounts(t, c, pod.Volumes)...),
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
			},
			ReadonlyPaths: []string{"/proc/sys"},
		},
	}
}

func (n *node) mounts(t *testing.T, c corev1.Container, volumes []corev1.Volume) []specs.Mount {
	t.Helper()
	sources := map[string]string{}
	for _, v := range volumes {
		switch {
		case v.HostPath != nil:
			sources[v.Name] = filepath.Join(n.host, v.HostPath.Path)
			if err := os.MkdirAll(sources[v.Name], 0o755); err != nil {
				t.Fatal(err)
			}
		case v.ConfigMap != nil:
			sources[v.Name] = n.configMap(t)
		default:
			sources[v.Name] = t.TempDir()
		}
	}
	var mounts []specs.Mount
	for _, m := range c.VolumeMounts {
		if m.Name != "policy" && m.Name != "tmp" { // those are in the image's file system
			if err := os.MkdirAll(filepath.Join(n.rootfs, m.MountPath), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		option := "rw"
		if m.ReadOnly || n.readOnly != "" && sources[m.Name] == filepath.Join(n.host, n.readOnly) {
			option = "ro"
		}
		mounts = append(mounts, specs.Mount{
			Destination: m.MountPath, Source: sources[m.Name], Type: "bind", Options: []string{"bind", option},
		})
	}
	return mounts
}

// configMap lays out the policy as a kubelet does: links to a directory that it
// replaces as a whole.
func (n *node) configMap(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range n.policy {
		writeFile(t, filepath.Join(dir, "..2026_11_24", name), []byte(content), 0o644)
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..2026_11_24", filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// found are the files on the node with their modes.
func (n *node) found(t *testing.T) map[string]fs.FileMode {
	t.Helper()
	files := map[string]fs.FileMode{}
	err := filepath.WalkDir(n.host, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(n.host, path)
		files[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (n *node) wantFiles(t *testing.T, want map[string]fs.FileMode) {
	t.Helper()
	if diff := cmp.Diff(want, n.found(t)); diff != "" {
		t.Errorf("files on the node (-want +got):\n%s", diff)
	}
}

// installed is what is on a node afterwards.
var installed = map[string]fs.FileMode{
	binFile: 0o755, hookFile: 0o644, policyDir + "/10-keepalive.toml": 0o644,
}

func wantDone(t *testing.T, got ended) {
	t.Helper()
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("exit %d: %s", got.code, got.stderr)
	}
}

func (n *node) wantContent(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(n.host, name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestInstall(t *testing.T) {
	n := newNode(t)
	wantDone(t, n.install(t))
	n.wantFiles(t, installed)
	n.wantContent(t, hookFile, read(t, "hooks.d/oci-sysctl-hook.json"))
	n.wantContent(t, policyDir+"/10-keepalive.toml", read(t, "policy.d/10-keepalive.toml"))
	if out := run(t, filepath.Join(n.host, binFile), "--version"); !strings.HasPrefix(out, "oci-sysctl-hook ") {
		t.Errorf("the hook's version is %q", out)
	}
}

// A new image and a new policy replace the old, each file as a whole.
func TestInstallAgain(t *testing.T) {
	n := newNode(t)
	wantDone(t, n.install(t))
	old, err := os.Open(filepath.Join(n.host, binFile))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	n.policy = map[string]string{"20-other.toml": "[[rule]]\n[rule.sysctls]\n\"net.ipv4.tcp_keepalive_time\" = 300\n"}
	wantDone(t, n.install(t))
	n.wantFiles(t, map[string]fs.FileMode{binFile: 0o755, hookFile: 0o644, policyDir + "/20-other.toml": 0o644})
	n.wantContent(t, policyDir+"/20-other.toml", []byte(n.policy["20-other.toml"]))
	before, err := old.Stat()
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(n.host, binFile))
	if err != nil {
		t.Fatal(err)
	}
	if os.SameFile(before, after) {
		t.Error("the hook was written over, not replaced: who runs it meanwhile gets a part")
	}
}

// A policy that would stop every container does not get to the node.
func TestInstallBadPolicy(t *testing.T) {
	n := newNode(t)
	wantDone(t, n.install(t))
	good := n.policy
	n.policy = map[string]string{"10-keepalive.toml": "[[rule]]\n[rule.sysctls]\n\"net.ipv4.tcp_keepalive_time\" = { valu = 300 }\n"}
	got := n.install(t)
	if got.code != 3 || !strings.Contains(got.stderr, "/policy/10-keepalive.toml:3") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
	n.wantFiles(t, installed)
	n.wantContent(t, policyDir+"/10-keepalive.toml", []byte(good["10-keepalive.toml"]))
}

// What fails on the way leaves no hook file: a container that asks for a hook
// that is not there does not start.
func TestInstallHookFileIsLast(t *testing.T) {
	for _, dir := range []string{filepath.Dir(binFile), policyDir} {
		t.Run(dir, func(t *testing.T) {
			n := newNode(t)
			n.readOnly = dir
			if got := n.install(t); got.code == 0 {
				t.Errorf("exit 0 although %s is read-only", dir)
			}
			if _, err := os.Stat(filepath.Join(n.host, hookFile)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the hook file is there: %v", err)
			}
		})
	}
}

func TestRemove(t *testing.T) {
	n := newNode(t)
	wantDone(t, n.install(t))
	n.args, n.env = []string{"remove"}, []string{"GRACE=0"}
	wantDone(t, n.install(t))
	n.wantFiles(t, map[string]fs.FileMode{})
}

// As long as the hook file is there the hook has to be.
func TestRemoveHookFileIsFirst(t *testing.T) {
	n := newNode(t)
	wantDone(t, n.install(t))
	n.args, n.env, n.readOnly = []string{"remove"}, []string{"GRACE=0"}, filepath.Dir(hookFile)
	if got := n.install(t); got.code == 0 {
		t.Error("exit 0 although the hook file cannot be removed")
	}
	n.wantFiles(t, installed)
}

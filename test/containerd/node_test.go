package containerd

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// node is one containerd with all that it keeps below one directory.
type node struct {
	dir    string
	log    string
	runc   string
	config nodeConfig
	daemon *exec.Cmd
	conn   *grpc.ClientConn
	cri    cri.RuntimeServiceClient
}

// nodeConfig is what tests choose in containerd's configuration.
type nodeConfig struct {
	BaseSpec       string   // base_runtime_spec
	PodAnnotations []string // pod_annotations
	Required       []string // required_plugins of the default validator
	Tolerate       string   // tolerate_missing_plugins_annotation
	CDI            bool     // enable_cdi, with specifications in the node's cdi
}

// configTemplate keeps everything below the node's directory. The OOM score of
// a pause container is below the test's own where CAP_SYS_RESOURCE is missing.
var configTemplate = template.Must(template.New("config.toml").Parse(`version = 3
root = "{{.Dir}}/root"
state = "{{.Dir}}/state"
imports = []
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs", "io.containerd.mount-handler.v1.erofs"]

[grpc]
  address = "{{.Dir}}/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
  use_local_image_pull = true
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{{.Image}}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_cdi = {{.Config.CDI}}
  cdi_spec_dirs = ["{{.Dir}}/cdi"]
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [{{range .CNI}}"{{.}}", {{end}}]
    conf_dir = "{{.Dir}}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    base_runtime_spec = "{{.Config.BaseSpec}}"
    pod_annotations = [{{range .Config.PodAnnotations}}"{{.}}", {{end}}]
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "{{.Runc}}"

[plugins."io.containerd.nri.v1.nri"]
  socket_path = "{{.Dir}}/nri/nri.sock"
  plugin_path = "{{.Dir}}/nri/plugins"
  plugin_config_path = "{{.Dir}}/nri/conf.d"
  [plugins."io.containerd.nri.v1.nri".default_validator]
    enable = {{if .Config.Required}}true{{else}}false{{end}}
    required_plugins = [{{range .Config.Required}}"{{.}}", {{end}}]
    tolerate_missing_plugins_annotation = "{{.Config.Tolerate}}"
`))

// cniConfig gives pods an eth0. No gateway: that would switch the host's
// forwarding on.
const cniConfig = `{
  "cniVersion": "1.0.0",
  "name": "oci-sysctl-hook-test",
  "plugins": [{
    "type": "bridge",
    "bridge": "BRIDGE",
    "ipam": {"type": "host-local", "dataDir": "DIR/ipam", "ranges": [[{"subnet": "10.253.253.0/24"}]]}
  }]
}`

// bridge is the name of the host's link for pods, which the test removes.
const bridge = "osh-test0"

// newNode makes and starts a node, and removes it at the end of the test.
func newNode(t *testing.T, config nodeConfig) *node {
	t.Helper()
	n := makeNode(t, config)
	n.start(t)
	return n
}

// makeNode makes a node whose containerd is still to be started.
func makeNode(t *testing.T, config nodeConfig) *node {
	t.Helper()
	need(t)
	dir, err := os.MkdirTemp(work, "")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{dir: dir, log: filepath.Join(dir, "containerd.log"), runc: runcPath(t), config: config}
	for _, sub := range []string{"cni", "nri/plugins", "nri/conf.d"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n.write(t, "cni/10-test.conflist", strings.NewReplacer("BRIDGE", bridge, "DIR", dir).Replace(cniConfig))
	n.connect(t)
	hostUntouched(t, keepaliveTime, "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_forward", "kernel.msgmax", "kernel.domainname")
	t.Cleanup(func() { n.remove(t) })
	return n
}

// write makes a file below the node's directory and gives its path.
func (n *node) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func (n *node) connect(t *testing.T) {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+n.dir+"/containerd.sock", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	n.conn, n.cri = conn, cri.NewRuntimeServiceClient(conn)
}

// start runs containerd until it is ready for pods.
func (n *node) start(t *testing.T) {
	t.Helper()
	var config bytes.Buffer
	err := configTemplate.Execute(&config, map[string]any{"Dir": n.dir, "Image": imageName(), "Runc": n.runc, "CNI": cniDirs, "Config": n.config})
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	containerd := built(t, "containerd")
	n.daemon = exec.Command(containerd, "--config", n.write(t, "config.toml", config.String()))
	// The shim is looked for in PATH.
	n.daemon.Env = append(os.Environ(), "PATH="+filepath.Dir(containerd)+":"+os.Getenv("PATH"))
	n.daemon.Stdout, n.daemon.Stderr = log, log
	if err := n.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	n.eventually(t, "containerd is ready", n.ready)
}

// ready tells whether pods can be run.
func (n *node) ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n.conn.ResetConnectBackoff()
	status, err := n.cri.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return false
	}
	// A third condition, on deprecated features, is false on cgroup v1 hosts.
	ready := 0
	for _, c := range status.GetStatus().GetConditions() {
		if c.GetStatus() && (c.GetType() == cri.RuntimeReady || c.GetType() == cri.NetworkReady) {
			ready++
		}
	}
	return ready == 2
}

// stop ends containerd by a signal. Its containers go on.
func (n *node) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := n.daemon.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	// An end by the signal is no success of the process, so ignore the error.
	_ = n.daemon.Wait()
	n.daemon = nil
}

// remove ends all containers and containerd, and deletes the node.
func (n *node) remove(t *testing.T) {
	if t.Failed() {
		t.Logf("containerd's log:\n%s", n.logged(t))
	}
	if n.daemon == nil {
		n.start(t)
	}
	n.removePods(t)
	n.stop(t, unix.SIGTERM)
	n.conn.Close()
	// There is none unless a pod had a network.
	_ = exec.Command("ip", "link", "del", bridge).Run()
	if err := os.RemoveAll(n.dir); err != nil {
		t.Error(err)
	}
}

// eventually waits for what must come about within ten seconds.
func (n *node) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

// logged is containerd's log without its long list of parts that it loads.
func (n *node) logged(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(n.log)
	if err != nil {
		t.Error(err)
	}
	var lines []string
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, "loading plugin") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

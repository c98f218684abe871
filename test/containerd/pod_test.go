package containerd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// callLimit is how long one CRI call may take.
const callLimit = 30 * time.Second

// lastPod numbers the pods of this run.
var lastPod atomic.Int64

// pod is what a test asks a pod to be.
type pod struct {
	namespace   string            // default "default"
	sysctls     map[string]string // securityContext.sysctls
	annotations map[string]string
	hostNetwork bool
}

func (p pod) config() *cri.PodSandboxConfig {
	network := cri.NamespaceMode_POD
	if p.hostNetwork {
		network = cri.NamespaceMode_NODE
	}
	if p.namespace == "" {
		p.namespace = "default"
	}
	name := fmt.Sprintf("pod-%d", lastPod.Add(1))
	return &cri.PodSandboxConfig{
		Metadata:    &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: p.namespace},
		Annotations: p.annotations,
		Linux: &cri.LinuxPodSandboxConfig{
			Sysctls: p.sysctls,
			SecurityContext: &cri.LinuxSandboxSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{Network: network, Pid: cri.NamespaceMode_CONTAINER},
			},
		},
	}
}

// sandbox is a pod that runs, still without containers.
type sandbox struct {
	node   *node
	id     string
	config *cri.PodSandboxConfig
}

func (n *node) runPod(t *testing.T, p pod) *sandbox {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	config := p.config()
	config.LogDirectory = filepath.Join(n.dir, "logs", config.GetMetadata().GetName())
	rpl, err := n.cri.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return &sandbox{n, rpl.GetPodSandboxId(), config}
}

// start makes and starts a container in the pod, as a kubelet would. stage is
// the CRI call that failed, if one did.
func (s *sandbox) start(t *testing.T, name string) (id, stage string, err error) {
	t.Helper()
	return s.startWith(t, &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: name},
		Linux:    &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{}},
	})
}

// startWith is start for a container with more than a name. All have the same
// image, which is there already: it served as the pause image.
func (s *sandbox) startWith(t *testing.T, config *cri.ContainerConfig) (id, stage string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	config.LogPath = config.GetMetadata().GetName() + ".log"
	config.Image = &cri.ImageSpec{Image: imageName()}
	config.Linux.SecurityContext.NamespaceOptions = s.config.GetLinux().GetSecurityContext().GetNamespaceOptions()
	created, err := s.node.cri.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: s.id, Config: config, SandboxConfig: s.config})
	if err != nil {
		return "", "CreateContainer", err
	}
	id = created.GetContainerId()
	if _, err := s.node.cri.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id}); err != nil {
		return id, "StartContainer", err
	}
	return id, "", nil
}

// mustStart is start for a container that has to run.
func (s *sandbox) mustStart(t *testing.T, name string) (id string) {
	t.Helper()
	id, stage, err := s.start(t, name)
	if err != nil {
		t.Fatalf("%s: %v", stage, err)
	}
	return id
}

// mustRun is startWith for a container that has to run.
func (s *sandbox) mustRun(t *testing.T, config *cri.ContainerConfig) (id string) {
	t.Helper()
	id, stage, err := s.startWith(t, config)
	if err != nil {
		t.Fatalf("%s: %v", stage, err)
	}
	return id
}

// printed is what a container of the pod has written, as a kubelet finds it.
func (s *sandbox) printed(t *testing.T, name string) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(s.config.GetLogDirectory(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

// exec gives what a command in a container prints.
func (n *node) exec(t *testing.T, container string, cmd ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	defer cancel()
	rpl, err := n.cri.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: container, Cmd: cmd, Timeout: 10})
	if err != nil {
		t.Fatal(err)
	}
	if rpl.GetExitCode() != 0 {
		t.Fatalf("%q in %s: exit %d: %s", cmd, container, rpl.GetExitCode(), rpl.GetStderr())
	}
	return strings.TrimSpace(string(rpl.GetStdout()))
}

// value reads a key as the container's application sees it.
func (n *node) value(t *testing.T, container, key string) string {
	t.Helper()
	return n.exec(t, container, "/bin/cat", "/proc/sys/"+strings.ReplaceAll(key, ".", "/"))
}

// removePods ends and deletes all pods.
func (n *node) removePods(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	list, err := n.cri.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		t.Error(err)
		return
	}
	for _, item := range list.GetItems() {
		(&sandbox{node: n, id: item.GetId()}).remove(t)
	}
}

// remove ends and deletes the pod.
func (s *sandbox) remove(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	if _, err := s.node.cri.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: s.id}); err != nil {
		t.Error(err)
	}
	if _, err := s.node.cri.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: s.id}); err != nil {
		t.Error(err)
	}
}

package containerd

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	cdiSpecFile = "../../deploy/cdi/oci-sysctl-hook.json"
	cdiDevice   = "oci-sysctl-hook.github.io/hook=all"
)

// useCDI puts the specification on the node, with the built hook and a policy.
func (n *node) useCDI(t *testing.T, policy string) {
	t.Helper()
	content, err := os.ReadFile(cdiSpecFile)
	if err != nil {
		t.Fatal(err)
	}
	args, err := json.Marshal(append([]string{"oci-sysctl-hook"}, n.hookArgs(t, policy)...))
	if err != nil {
		t.Fatal(err)
	}
	spec := string(content)
	for old, new := range map[string]string{
		`"/usr/libexec/oci/hooks.d/oci-sysctl-hook"`: strconv.Quote(built(t, "oci-sysctl-hook")),
		`["oci-sysctl-hook"]`:                        string(args),
	} {
		if strings.Count(spec, old) != 1 {
			t.Fatalf("%s does not hold %s once", cdiSpecFile, old)
		}
		spec = strings.Replace(spec, old, new, 1)
	}
	n.write(t, "cdi/oci-sysctl-hook.json", spec)
}

// withDevice is a container that asks for the device, as a device plugin has a
// kubelet do.
func withDevice(name string) *cri.ContainerConfig {
	return &cri.ContainerConfig{
		Metadata:   &cri.ContainerMetadata{Name: name},
		CDIDevices: []*cri.CDIDevice{{Name: cdiDevice}},
		Linux:      &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{}},
	}
}

// Without the plugin a CDI device brings the hook, to whom it is given.
func TestCDI(t *testing.T) {
	n := newNode(t, nodeConfig{CDI: true})
	n.useCDI(t, rule("default", `"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 3600 } }`, false))
	fresh := values(t)["fresh"]
	if got := n.value(t, n.runPod(t, pod{}).mustStart(t, "without"), keepaliveTime); got != fresh {
		t.Errorf("without the device the value is %s, want %s", got, fresh)
	}
	id := n.runPod(t, pod{}).mustRun(t, withDevice("with"))
	if got := n.value(t, id, keepaliveTime); got != "600" {
		t.Errorf("with the device the value is %s, want 600", got)
	}
	if got := n.record(t, id); got.PodNamespace != "default" || got.Container != "with" {
		t.Errorf("the hook's record is of %s/%s", got.PodNamespace, got.Container)
	}
}

// A pod's sysctls are judged as with the plugin; its annotations do not reach
// the hook, unless pod_annotations names them.
func TestCDIAsks(t *testing.T) {
	need(t)
	const policy = `"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 3600 } }`
	ask := map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900"}
	for name, test := range map[string]struct {
		passed []string
		pod    pod
		want   string
	}{
		"securityContext":                 {nil, pod{sysctls: map[string]string{keepaliveTime: "900"}}, "900"},
		"annotation":                      {nil, pod{annotations: ask}, "600"},
		"annotation with pod_annotations": {[]string{"oci-sysctl-hook/*"}, pod{annotations: ask}, "900"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, nodeConfig{CDI: true, PodAnnotations: test.passed})
			n.useCDI(t, rule("default", policy, false))
			if got := n.value(t, n.runPod(t, test.pod).mustRun(t, withDevice("app")), keepaliveTime); got != test.want {
				t.Errorf("the value is %s, want %s", got, test.want)
			}
		})
	}
}

// A device that no specification has keeps a container from being made.
func TestCDIMissing(t *testing.T) {
	n := newNode(t, nodeConfig{CDI: true})
	_, stage, err := n.runPod(t, pod{}).startWith(t, withDevice("app"))
	if stage != "CreateContainer" || !strings.Contains(err.Error(), cdiDevice) {
		t.Errorf("%q: %v; want CreateContainer to fail for %s", stage, err, cdiDevice)
	}
}

// With both, the container has the hook once: the plugin sees the device's.
func TestCDIAndPlugin(t *testing.T) {
	n := newNode(t, nodeConfig{CDI: true})
	n.useCDI(t, rule("default", `"net.ipv4.tcp_keepalive_time" = 600`, false))
	n.startService(t, "--hook", built(t, "oci-sysctl-hook"))
	id := n.runPod(t, pod{}).mustRun(t, withDevice("app"))
	n.record(t, id) // fails unless there is one
	var config specs.Spec
	readJSON(t, n.dir+"/state/io.containerd.runtime.v2.task/k8s.io/"+id+"/config.json", &config)
	if config.Hooks == nil || len(config.Hooks.CreateRuntime) != 1 {
		t.Errorf("the container has the hooks %v, want one", config.Hooks)
	}
}

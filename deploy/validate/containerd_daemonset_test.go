package validate

import (
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// containerdDaemonSet reads the two objects of containerd's daemonset.yaml.
func containerdDaemonSet(t *testing.T) (*corev1.ConfigMap, *appsv1.DaemonSet) {
	t.Helper()
	all := documents(t, read(t, "deploy/containerd/daemonset.yaml"))
	if len(all) != 2 {
		t.Fatalf("%d documents, want 2", len(all))
	}
	policy := decode[corev1.ConfigMap](t, all[0], "v1", "ConfigMap")
	set := decode[appsv1.DaemonSet](t, all[1], "apps/v1", "DaemonSet")
	if policy.Namespace != "kube-system" || set.Namespace != "kube-system" {
		t.Errorf("the objects are in %q and %q, want kube-system", policy.Namespace, set.Namespace)
	}
	return policy, set
}

func TestContainerdDaemonSetSelects(t *testing.T) {
	_, set := containerdDaemonSet(t)
	wantSelects(t, set)
}

func TestContainerdDaemonSetPolicy(t *testing.T) {
	policy, _ := containerdDaemonSet(t)
	wantLoads(t, policy.Data)
}

func TestContainerdDaemonSetMounts(t *testing.T) {
	policy, set := containerdDaemonSet(t)
	want := map[string]string{
		"policy": "the policy", "tmp": "nothing",
		"node": "DirectoryOrCreate /opt/oci-sysctl-hook", "nri": "Directory /var/run/nri",
	}
	if diff := cmp.Diff(want, mountedVolumes(t, policy, set)); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
}

// The plugin names files to containerd, which looks for them on the node: they
// must be where the script puts them, and mounted at the same path.
func TestContainerdDaemonSetPaths(t *testing.T) {
	_, set := containerdDaemonSet(t)
	pod := set.Spec.Template.Spec
	plugin := pod.Containers[0]
	i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == "node" })
	node := pod.Volumes[i].HostPath.Path
	want := []string{"/usr/local/bin/oci-sysctl-nri",
		"--hook=" + path.Join(node, "oci-sysctl-hook"),
		"--hook-arg=--policy-dir=" + path.Join(node, "policy.d")}
	if diff := cmp.Diff(want, plugin.Command); diff != "" {
		t.Errorf("the plugin's command (-want +got):\n%s", diff)
	}
	for _, c := range []corev1.Container{pod.InitContainers[0], plugin} {
		if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
			return m.Name == "node" && m.MountPath == node && m.ReadOnly == (c.Name == plugin.Name)
		}) {
			t.Errorf("%s has %s not as it should: %v", c.Name, node, c.VolumeMounts)
		}
	}
	if !strings.Contains(string(read(t, "deploy/containerd/install.sh")), "to=${TO:-"+node+"}\n") {
		t.Errorf("the script does not install to %s", node)
	}
	image := string(read(t, "deploy/containerd/Containerfile"))
	for _, program := range []string{pod.InitContainers[0].Command[0], plugin.Command[0]} {
		if !strings.Contains(image, path.Base(program)+" ") || !strings.Contains(image, " "+path.Dir(program)+"/\n") {
			t.Errorf("the image has no %s", program)
		}
	}
}

func TestContainerdDaemonSetPrivileges(t *testing.T) {
	_, set := containerdDaemonSet(t)
	wantPodPrivileges(t, set)
	pod := set.Spec.Template.Spec
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		want := privileges{dropped: []corev1.Capability{"ALL"}, seLinux: "spc_t"}
		wantPrivileges(t, c, want)
	}
}

// systemd takes the plugin's unit without a complaint.
func TestContainerdUnitVerifies(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		unavailable(t, "%v", err)
	}
	// The program is not installed here.
	contents := strings.ReplaceAll(string(read(t, "deploy/containerd/oci-sysctl-nri.service")), "/usr/sbin/oci-sysctl-nri", "/bin/true")
	unit := filepath.Join(t.TempDir(), "oci-sysctl-nri.service")
	writeFile(t, unit, []byte(contents), 0o644)
	out, err := exec.Command(verify, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "oci-sysctl-nri") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

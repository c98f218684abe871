package validate

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const top = "../.."

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(top, path))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// documents splits a YAML stream.
func documents(t *testing.T, stream []byte) [][]byte {
	t.Helper()
	var all [][]byte
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream))); ; {
		document, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, document)
	}
}

// decode decodes a document of the kind and wants it to have known fields only,
// each of them once.
func decode[T any](t *testing.T, document []byte, apiVersion, kind string) *T {
	t.Helper()
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}, meta); diff != "" {
		t.Fatalf("kind (-want +got):\n%s", diff)
	}
	var object T
	if err := yaml.UnmarshalStrict(document, &object); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return &object
}

// daemonSet reads the three objects of daemonset.yaml.
func daemonSet(t *testing.T) (*corev1.ConfigMap, *appsv1.DaemonSet) {
	t.Helper()
	all := documents(t, read(t, "deploy/kubernetes/daemonset.yaml"))
	if len(all) != 3 {
		t.Fatalf("%d documents, want 3", len(all))
	}
	namespace := decode[corev1.Namespace](t, all[0], "v1", "Namespace")
	policy := decode[corev1.ConfigMap](t, all[1], "v1", "ConfigMap")
	set := decode[appsv1.DaemonSet](t, all[2], "apps/v1", "DaemonSet")
	for _, name := range []string{policy.Namespace, set.Namespace} {
		if name != namespace.Name {
			t.Errorf("an object is in the namespace %q, want %q", name, namespace.Name)
		}
	}
	return policy, set
}

func TestDaemonSetSelects(t *testing.T) {
	_, set := daemonSet(t)
	wantSelects(t, set)
}

// wantSelects wants the selector to select the template: the API server refuses
// a set without that.
func wantSelects(t *testing.T, set *appsv1.DaemonSet) {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	if !selector.Matches(labels.Set(set.Spec.Template.Labels)) {
		t.Errorf("%s does not match the template's labels %v", selector, set.Spec.Template.Labels)
	}
}

func TestDaemonSetMounts(t *testing.T) {
	policy, set := daemonSet(t)
	want := map[string]string{
		"policy": "the policy", "tmp": "nothing",
		"bin":      "DirectoryOrCreate /usr/libexec/oci/hooks.d",
		"policies": "DirectoryOrCreate /usr/share/oci-sysctl-hook/policy.d",
		"hooks":    "DirectoryOrCreate /usr/share/containers/oci/hooks.d",
	}
	if diff := cmp.Diff(want, mountedVolumes(t, policy, set)); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
}

// mountedVolumes gives what the set's volumes are. Each mount has to be of a
// volume that there is, and each volume mounted.
func mountedVolumes(t *testing.T, policy *corev1.ConfigMap, set *appsv1.DaemonSet) map[string]string {
	t.Helper()
	pod := set.Spec.Template.Spec
	mounted := map[string]bool{}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		for _, m := range c.VolumeMounts {
			mounted[m.Name] = true
		}
	}
	got := map[string]string{}
	for _, v := range pod.Volumes {
		switch {
		case v.HostPath != nil:
			got[v.Name] = string(*v.HostPath.Type) + " " + v.HostPath.Path
		case v.ConfigMap != nil && v.ConfigMap.Name == policy.Name:
			got[v.Name] = "the policy"
		case v.EmptyDir != nil:
			got[v.Name] = "nothing"
		}
		if !mounted[v.Name] {
			t.Errorf("the volume %s is not mounted", v.Name)
		}
		delete(mounted, v.Name)
	}
	for name := range mounted {
		t.Errorf("there is no volume %s", name)
	}
	return got
}

// No container may do more than it has to.
func TestDaemonSetPrivileges(t *testing.T) {
	_, set := daemonSet(t)
	wantPodPrivileges(t, set)
	pod := set.Spec.Template.Spec
	wantPrivileges(t, pod.InitContainers[0], privileges{dropped: []corev1.Capability{"ALL"}, seLinux: "spc_t"})
	for _, c := range pod.Containers {
		wantPrivileges(t, c, privileges{dropped: []corev1.Capability{"ALL"}, user: 65534, group: 65534})
		if len(c.VolumeMounts) > 0 {
			t.Errorf("%s stays and has mounts: %v", c.Name, c.VolumeMounts)
		}
	}
}

// wantPodPrivileges wants nothing of the host's and no way to the API server.
func wantPodPrivileges(t *testing.T, set *appsv1.DaemonSet) {
	t.Helper()
	pod := set.Spec.Template.Spec
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod has a namespace of the host's")
	}
	if token := pod.AutomountServiceAccountToken; token == nil || *token {
		t.Error("the pod has a token for the API server")
	}
	if s := pod.SecurityContext; s == nil || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context has no seccomp profile: %v", s)
	}
}

func wantPrivileges(t *testing.T, c corev1.Container, want privileges) {
	t.Helper()
	s := c.SecurityContext
	got := privileges{
		privileged: s.Privileged != nil && *s.Privileged,
		escalation: s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation,
		writable:   s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem,
		added:      s.Capabilities.Add, dropped: s.Capabilities.Drop,
		user: *s.RunAsUser, group: *s.RunAsGroup,
	}
	if s.SELinuxOptions != nil {
		got.seLinux = s.SELinuxOptions.Type
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(privileges{})); diff != "" {
		t.Errorf("privileges of %s (-want +got):\n%s", c.Name, diff)
	}
}

type privileges struct {
	privileged, escalation, writable bool
	added, dropped                   []corev1.Capability
	user, group                      int64
	seLinux                          string
}

// The policy in the manifest is the one in policy.d, and the hook takes it.
func TestDaemonSetPolicy(t *testing.T) {
	policy, _ := daemonSet(t)
	wantPolicies(t, policy.Data)
}

// wantPolicies fails the test unless these are the files of policy.d, and are a
// policy that loads.
func wantPolicies(t *testing.T, got map[string]string) {
	t.Helper()
	want := map[string]string{}
	for _, path := range glob(t, "policy.d/*.toml") {
		want[filepath.Base(path)] = string(read(t, path))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the policy (-policy.d +manifest):\n%s", diff)
	}
	wantLoads(t, got)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(top, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing found (%v)", pattern, err)
	}
	for i, path := range found {
		if found[i], err = filepath.Rel(top, path); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func writeFile(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}

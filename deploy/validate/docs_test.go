package validate

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	corev1 "k8s.io/api/core/v1"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// blocks are the fenced blocks of a document by what stands after the fence.
func blocks(t *testing.T, path string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	parts := strings.Split(string(read(t, path)), "```")
	if len(parts)%2 == 0 {
		t.Fatalf("%s: a block has no end", path)
	}
	for i := 1; i < len(parts); i += 2 {
		kind, text, _ := strings.Cut(parts[i], "\n")
		found[kind] = append(found[kind], text)
	}
	return found
}

// pods are the manifests in docs/crio.md: a plain pod, one that asks by its
// securityContext, and one that asks by annotation.
func pods(t *testing.T) []*corev1.Pod {
	t.Helper()
	var all []*corev1.Pod
	for _, text := range blocks(t, "docs/crio.md")["yaml"] {
		all = append(all, decode[corev1.Pod](t, []byte(text), "v1", "Pod"))
	}
	if len(all) != 3 {
		t.Fatalf("%d pods in docs/crio.md, want 3", len(all))
	}
	return all
}

func TestCRIOGuidePods(t *testing.T) {
	pods := pods(t)
	want := []corev1.Sysctl{{Name: "net.ipv4.tcp_keepalive_time", Value: "120"}}
	if diff := cmp.Diff(want, pods[1].Spec.SecurityContext.Sysctls); diff != "" {
		t.Errorf("sysctls (-want +got):\n%s", diff)
	}
	for _, pod := range pods {
		if pod.Name == "" || len(pod.Spec.Containers) != 1 {
			t.Errorf("the pod %q has %d containers", pod.Name, len(pod.Spec.Containers))
		}
	}
}

// The annotation in the guide is one that the guide's policy accepts.
func TestCRIOGuideAnnotation(t *testing.T) {
	policies := blocks(t, "docs/crio.md")["toml"]
	if len(policies) != 1 {
		t.Fatalf("%d policies in docs/crio.md, want 1", len(policies))
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "10-guide.toml"), []byte(policies[0]), 0o644)
	p, err := policy.Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := p.Decide(policy.Container{
		Annotations: pods(t)[2].Annotations,
		Namespaces:  map[specs.LinuxNamespaceType]spec.NamespaceKind{specs.NetworkNamespace: spec.Joined},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(decisions.List) != 1 {
		t.Fatalf("%d decisions, want 1", len(decisions.List))
	}
	if d := decisions.List[0]; d.Verdict != policy.Set || d.Value != "cubic" {
		t.Errorf("the decision is to %s %q: %s", d.Verdict, d.Value, d.Reason)
	}
}

// crictl reads the two files of the guide into these types.
func TestCRIOGuideCrictl(t *testing.T) {
	found := blocks(t, "docs/crio.md")
	for kind, into := range map[string]any{
		"json pod": &runtimev1.PodSandboxConfig{}, "json container": &runtimev1.ContainerConfig{},
	} {
		if len(found[kind]) != 1 {
			t.Fatalf("%d blocks of %s, want 1", len(found[kind]), kind)
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(found[kind][0])))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A path of the patch in the guide leads to the argument that it replaces.
func TestKubernetesGuideRemoves(t *testing.T) {
	patch := regexp.MustCompile(`"path": "([^"]+)", "value": "([^"]+)"`).FindStringSubmatch(string(read(t, "docs/kubernetes.md")))
	want := []string{"/spec/template/spec/initContainers/0/args/0", "remove"}
	if patch == nil || cmp.Diff(want, patch[1:]) != "" {
		t.Fatalf("the patch is %q, want %q", patch, want)
	}
	_, set := daemonSet(t)
	if args := set.Spec.Template.Spec.InitContainers[0].Args; len(args) != 1 || args[0] != "install" {
		t.Errorf("the patch replaces the first of %q", args)
	}
}

// Every file that a document links to is there, and every heading.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	for _, path := range append(glob(t, "*.md"), glob(t, "docs/*.md")...) {
		found := link.FindAllStringSubmatch(string(read(t, path)), -1)
		if len(found) == 0 && path != "SECURITY.md" {
			t.Errorf("%s has no link", path)
		}
		for _, match := range found {
			target, heading := filepath.Join(filepath.Dir(path), match[1]), match[2]
			if strings.Contains(match[1], "://") {
				continue
			}
			if match[1] == "" {
				target = path
			}
			if _, err := os.Stat(filepath.Join(top, target)); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if heading != "" && !slices.Contains(headings(t, target), heading) {
				t.Errorf("%s: %s has no heading %s: %q", path, target, heading, headings(t, target))
			}
		}
	}
}

// headings are a document's, as links name them.
func headings(t *testing.T, path string) (names []string) {
	t.Helper()
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(read(t, path)), -1) {
		name := drop.ReplaceAllString(strings.ToLower(match[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

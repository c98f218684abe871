package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"
)

// manifest is what a kubelet needs of deploy/containerd/daemonset.yaml.
// deploy/validate checks all of it.
type manifest struct {
	node *node
	set  struct {
		Spec struct {
			Template struct{ Spec podSpec }
		}
	}
	policy struct{ Data map[string]string }
}

type podSpec struct {
	InitContainers, Containers []containerSpec
	Volumes                    []volume
}

type containerSpec struct {
	Name            string
	Command         []string
	SecurityContext struct {
		RunAsUser, RunAsGroup    int64
		AllowPrivilegeEscalation bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
	VolumeMounts []struct {
		Name, MountPath string
		ReadOnly        bool
	}
}

type volume struct {
	Name      string
	HostPath  *struct{ Path string }
	ConfigMap *struct{ Name string }
}

// readManifest reads the manifest, with this node's directory in place of
// /opt/oci-sysctl-hook, which the plugin names to containerd.
func (n *node) readManifest(t *testing.T) *manifest {
	t.Helper()
	text, err := os.ReadFile("../../deploy/containerd/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(strings.ReplaceAll(string(text), "/opt/oci-sysctl-hook", n.dir+"/opt"), "\n---\n")
	if len(documents) != 2 {
		t.Fatalf("%d documents, want 2", len(documents))
	}
	m := &manifest{node: n}
	for i, into := range []any{&m.policy, &m.set} {
		if err := yaml.Unmarshal([]byte(documents[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	if p := m.pod(); len(p.InitContainers) != 1 || len(p.Containers) != 1 || len(m.policy.Data) == 0 {
		t.Fatalf("%d and %d containers with %d policy files, want 1 and 1 with some",
			len(p.InitContainers), len(p.Containers), len(m.policy.Data))
	}
	return m
}

func (m *manifest) pod() podSpec { return m.set.Spec.Template.Spec }

// container is what a kubelet makes of a container, with the image's files. The
// seccomp profile is left out: bin/runc is built without seccomp.
func (m *manifest) container(t *testing.T, c containerSpec) *cri.ContainerConfig {
	t.Helper()
	s := c.SecurityContext
	return &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: c.Name},
		Command:  c.Command,
		Envs:     []*cri.KeyValue{{Key: "TO", Value: []byte(m.node.dir + "/opt")}},
		Mounts:   append(m.mounts(t, c), imageFiles(t)...),
		Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
			RunAsUser:      &cri.Int64Value{Value: s.RunAsUser},
			RunAsGroup:     &cri.Int64Value{Value: s.RunAsGroup},
			Capabilities:   &cri.Capability{DropCapabilities: s.Capabilities.Drop},
			NoNewPrivs:     !s.AllowPrivilegeEscalation,
			ReadonlyRootfs: s.ReadOnlyRootFilesystem,
		}},
	}
}

// imageFiles are what the Containerfile copies.
func imageFiles(t *testing.T) []*cri.Mount {
	t.Helper()
	script, err := filepath.Abs("../../deploy/containerd/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	var mounts []*cri.Mount
	for _, path := range []string{built(t, "oci-sysctl-hook"), built(t, "oci-sysctl-nri"), script} {
		mounts = append(mounts, &cri.Mount{HostPath: path, ContainerPath: "/usr/local/bin/" + filepath.Base(path), Readonly: true})
	}
	return mounts
}

func (m *manifest) mounts(t *testing.T, c containerSpec) []*cri.Mount {
	t.Helper()
	sources := map[string]string{}
	for _, v := range m.pod().Volumes {
		switch {
		case v.ConfigMap != nil:
			for name, content := range m.policy.Data {
				sources[v.Name] = filepath.Dir(m.node.write(t, "configmap/"+name, content))
			}
		case v.HostPath == nil:
			sources[v.Name] = t.TempDir()
		case v.HostPath.Path == "/var/run/nri":
			sources[v.Name] = m.node.dir + "/nri"
		default:
			sources[v.Name] = v.HostPath.Path
		}
		if err := os.MkdirAll(sources[v.Name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var mounts []*cri.Mount
	for _, at := range c.VolumeMounts {
		mounts = append(mounts, &cri.Mount{HostPath: sources[at.Name], ContainerPath: at.MountPath, Readonly: at.ReadOnly})
	}
	return mounts
}

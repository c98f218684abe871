package spec

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestKindOf(t *testing.T) {
	config := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
		{Type: specs.PIDNamespace, Path: "/pid"},
		{Type: specs.NetworkNamespace, Path: "/net"},
		{Type: specs.IPCNamespace},
	}}}
	for typ, want := range map[specs.LinuxNamespaceType]struct {
		kind NamespaceKind
		path string
		text string
	}{
		specs.NetworkNamespace: {Joined, "/net", "joined"},
		specs.IPCNamespace:     {New, "", "new"},
		specs.UTSNamespace:     {Host, "", "host"},
	} {
		kind, path := KindOf(config, typ)
		if kind != want.kind || path != want.path || kind.String() != want.text {
			t.Errorf("%s: %v, %q; want %v", typ, kind, path, want)
		}
	}
}

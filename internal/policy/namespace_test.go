package policy

import (
	"io/fs"
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// world is a container's namespaces as Values: what they hold, and what new
// ones hold.
type world struct {
	held, fresh map[sysctl.Key]string
	looks       int // calls of Fresh, which costs a new namespace
}

func (w *world) Expand(pattern sysctl.Key) ([]sysctl.Key, error) {
	keys := slices.Sorted(maps.Keys(w.held))
	return slices.DeleteFunc(keys, func(key sysctl.Key) bool { return !pattern.Matches(key) }), nil
}

func (w *world) Read(key sysctl.Key) (string, error) {
	value, ok := w.held[key]
	if !ok {
		return "", fs.ErrNotExist
	}
	return value, nil
}

func (w *world) Fresh(keys []sysctl.Key) (map[sysctl.Key]string, error) {
	w.looks++
	values := map[sysctl.Key]string{}
	for _, key := range keys {
		if value, ok := w.fresh[key]; ok {
			values[key] = value
		}
	}
	return values, nil
}

// apply is the hook's write, then the runtime's.
func (w *world) apply(assignments []sysctl.Assignment, bundle map[string]string) {
	for _, a := range assignments {
		w.held[a.Key] = a.Value
	}
	for name, value := range bundle {
		if key, err := sysctl.ParseRuntimeKey(name); err == nil {
			w.held[key] = value
		}
	}
}

func (w *world) clone() *world {
	return &world{held: maps.Clone(w.held), fresh: maps.Clone(w.fresh)}
}

// allKinds is the same kind for every type of namespace.
func allKinds(kind spec.NamespaceKind) map[specs.LinuxNamespaceType]spec.NamespaceKind {
	return map[specs.LinuxNamespaceType]spec.NamespaceKind{
		specs.NetworkNamespace: kind, specs.IPCNamespace: kind, specs.UTSNamespace: kind,
	}
}

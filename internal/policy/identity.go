package policy

import (
	"errors"
	"fmt"
	"path"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// Identity is what engines write into a container's annotations to say whose
// it is. A field is empty where it is not known.
type Identity struct {
	PodNamespace string
	Pod          string
	Container    string

	ambiguous [len(identityNames)]error // for each of the three
}

// ErrAmbiguous is returned when the annotations of two engines say different
// things about whose the container is, and a rule depends on it.
var ErrAmbiguous = errors.New("the annotations contradict each other")

// The names that CRI-O's pkg/annotations and containerd's pkg/cri/annotations
// use. podman (4.3 was tried) writes none of them, in kube play neither.
var identityNames = [...][2]string{
	{"io.kubernetes.pod.namespace", "io.kubernetes.cri.sandbox-namespace"},
	{"io.kubernetes.pod.name", "io.kubernetes.cri.sandbox-name"},
	{"io.kubernetes.container.name", "io.kubernetes.cri.container-name"},
}

// Identify reads a container's identity from its annotations. An engine writes
// its own names over a pod author's, but not another engine's: where two names
// for one thing contradict each other, a rule that needs it can't be decided.
func Identify(annotations map[string]string) Identity {
	var id Identity
	for n, field := range [...]*string{&id.PodNamespace, &id.Pod, &id.Container} {
		crio, containerd := identityNames[n][0], identityNames[n][1]
		a, isCRIO := annotations[crio]
		b, isContainerd := annotations[containerd]
		if *field = a; !isCRIO {
			*field = b
		}
		if isCRIO && isContainerd && a != b {
			id.ambiguous[n] = fmt.Errorf("%w: %s = %s, %s = %s", ErrAmbiguous, crio, quote.Text(a), containerd, quote.Text(b))
		}
	}
	return id
}

// matches reports whether a rule is for the container.
func (w *When) matches(id Identity, annotations map[string]string) (bool, error) {
	for n, needed := range [...]bool{w.PodNamespaces != nil, false, w.Containers != nil} {
		if needed && id.ambiguous[n] != nil {
			return false, id.ambiguous[n]
		}
	}
	if !matchesGlob(w.PodNamespaces, id.PodNamespace) || !matchesGlob(w.Containers, id.Container) {
		return false, nil
	}
	for _, match := range w.Annotations {
		if !match.in(annotations) {
			return false, nil
		}
	}
	return true, nil
}

func matchesGlob(globs []string, text string) bool {
	for _, glob := range globs {
		if ok, err := path.Match(glob, text); ok && err == nil {
			return true
		}
	}
	return globs == nil
}

func (m *AnnotationMatch) in(annotations map[string]string) bool {
	for name, value := range annotations {
		if m.Name.MatchString(name) && m.Value.MatchString(value) {
			return true
		}
	}
	return false
}

package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// AnnotationPrefix begins the name of an annotation that asks for a sysctl;
// the key follows.
const AnnotationPrefix = "oci-sysctl-hook/"

// ask is a value that a container asks for.
type ask struct {
	value string // normalized, unless err says why it can't be
	err   error
}

func (a *ask) String() string { return quote.Text(a.value) }

func newAsk(value string) *ask {
	normal, err := sysctl.Normalize(value)
	if err != nil {
		return &ask{value: value, err: err}
	}
	return &ask{value: normal}
}

// agrees reports whether two asks are for one value.
func (a *ask) agrees(b *ask) bool {
	return a.err == nil && b.err == nil && a.value == b.value
}

// domainname is a key whose value is no fields but a text: proc_do_uts_string in
// kernel/utsname_sysctl.c.
const domainname sysctl.Key = "kernel/domainname"

const maxDomainname = 64 // bytes, __NEW_UTS_LEN

// errTwice is for what runtimes write in an order of their own.
var errTwice = errors.New("it is asked for twice, with different values")

// put adds an ask for the key. The same key may be spelled in two ways; then
// the values must agree.
func put(asks map[sysctl.Key]*ask, key sysctl.Key, value string) {
	added := newAsk(value)
	if key == domainname && (added.value != value || len(value) > maxDomainname) {
		added.err = fmt.Errorf("the kernel ends a name at a line's end and at %d bytes, and keeps every blank", maxDomainname)
	}
	if earlier, ok := asks[key]; ok && !earlier.agrees(added) {
		added.err = errTwice
	}
	asks[key] = added
}

// annotationAsks returns what the annotations ask for, and a refusal for each
// that names no key that a container may set.
func annotationAsks(annotations map[string]string) (map[sysctl.Key]*ask, []Decision) {
	asks := map[sysctl.Key]*ask{}
	var refused []Decision
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		text, ok := strings.CutPrefix(name, AnnotationPrefix)
		if !ok {
			continue
		}
		key, err := askedKey(text)
		if err != nil {
			refused = append(refused, Decision{
				Key: key, Door: Annotation, Ask: annotations[name], Verdict: Refuse,
				Reason: fmt.Sprintf("the annotation %s: %v", quote.Text(name), err),
			})
			continue
		}
		put(asks, key, annotations[name])
	}
	return asks, refused
}

func askedKey(text string) (sysctl.Key, error) {
	key, err := sysctl.ParseKey(text)
	if err != nil {
		return "", fmt.Errorf("not a sysctl: %w", err)
	}
	if key.IsPattern() {
		return key, fmt.Errorf("a pattern; an annotation asks for one sysctl")
	}
	_, err = key.Namespace()
	return key, err
}

// bundleAsks returns what linux.sysctl asks for. A name that the runtime can't
// make a path of is the runtime's to refuse.
func bundleAsks(sysctls map[string]string) map[sysctl.Key]*ask {
	asks := map[sysctl.Key]*ask{}
	for _, name := range slices.Sorted(maps.Keys(sysctls)) {
		if key, err := sysctl.ParseRuntimeKey(name); err == nil {
			put(asks, key, sysctls[name])
		}
	}
	return asks
}

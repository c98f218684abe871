package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

const (
	crioNamespace, criNamespace = "io.kubernetes.pod.namespace", "io.kubernetes.cri.sandbox-namespace"
	crioPod, criPod             = "io.kubernetes.pod.name", "io.kubernetes.cri.sandbox-name"
	crioContainer, criContainer = "io.kubernetes.container.name", "io.kubernetes.cri.container-name"
)

func TestIdentify(t *testing.T) {
	for name, test := range map[string]struct {
		annotations map[string]string
		want        Identity
		ambiguous   string
	}{
		"nobody's": {map[string]string{"a": "b"}, Identity{}, ""},
		"CRI-O's": {
			map[string]string{crioNamespace: "ns", crioPod: "p", crioContainer: "c"},
			Identity{PodNamespace: "ns", Pod: "p", Container: "c"}, "",
		},
		"containerd's": {
			map[string]string{criNamespace: "ns", criPod: "p", criContainer: "c"},
			Identity{PodNamespace: "ns", Pod: "p", Container: "c"}, "",
		},
		"both, the same": {map[string]string{crioNamespace: "ns", criNamespace: "ns"}, Identity{PodNamespace: "ns"}, ""},
		"both, other":    {map[string]string{crioNamespace: "a", criNamespace: "b"}, Identity{PodNamespace: "a"}, criNamespace},
		"one is empty":   {map[string]string{crioContainer: "", criContainer: "c"}, Identity{}, criContainer},
	} {
		got := Identify(test.annotations)
		if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(Identity{})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		err := errors.Join(got.ambiguous[:]...)
		if (err != nil) != (test.ambiguous != "") || err != nil && !strings.Contains(err.Error(), test.ambiguous) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhen(t *testing.T) {
	payments := map[string]string{crioNamespace: "payments-eu", crioContainer: "app", "tier": "gold", "example.org/tier": "iron"}
	for _, test := range []struct {
		when        string
		annotations map[string]string
		want        bool
	}{
		{`{}`, nil, true},
		{`{ pod_namespaces = ["payments-*"] }`, payments, true},
		{`{ pod_namespaces = ["payments"] }`, payments, false},
		{`{ pod_namespaces = ["a", "p*"] }`, payments, true},
		{`{ pod_namespaces = ["payments-[a-f]?"] }`, payments, true},
		{`{ pod_namespaces = ["payments-*"] }`, nil, false},
		{`{ pod_namespaces = ["*"] }`, nil, true}, // an unknown name is an empty one
		{`{ pod_namespaces = ["?*"] }`, nil, false},
		{`{ containers = ["app"] }`, payments, true},
		{`{ containers = ["App"] }`, payments, false},
		{`{ containers = ["a"] }`, payments, false},
		{`{ pod_namespaces = ["payments-*"], containers = ["db"] }`, payments, false},
		{`{ annotations = { "^tier$" = "^(gold|silver)$" } }`, payments, true},
		{`{ annotations = { "^tier$" = "^silver$" } }`, payments, false},
		{`{ annotations = { "^tier$" = "." } }`, nil, false},
		{`{ annotations = { "tier" = "^iron$" } }`, payments, true}, // any annotation, anywhere in its name
		{`{ annotations = { "tier" = "" } }`, payments, true},
		{`{ annotations = { "^tier$" = "gold", "none" = "." } }`, payments, false},
		{`{ annotations = { "^tier$" = "gold", "^example" = "r" } }`, payments, true},
		{`{ containers = ["app"], annotations = { "^tier$" = "iron" } }`, payments, false},
	} {
		p := mustRead(t, when(test.when))
		d, err := p.Decide(Container{Annotations: test.annotations, Namespaces: allKinds(spec.New)})
		if err != nil {
			t.Errorf("%s: %v", test.when, err)
			continue
		}
		if got := len(d.List) > 0; got != test.want {
			t.Errorf("%s, %v: matches is %t", test.when, test.annotations, got)
		}
	}
}

// A name that two engines' annotations contradict decides nothing; a rule that
// does not need it is not concerned.
func TestAmbiguousIdentity(t *testing.T) {
	for name, test := range map[string]struct {
		when        string
		annotations map[string]string
		want        string // in the error
	}{
		"pod namespace, needed":     {`{ pod_namespaces = ["*"] }`, map[string]string{crioNamespace: "a", criNamespace: "b"}, criNamespace},
		"container, needed":         {`{ containers = ["*"] }`, map[string]string{crioContainer: "a", criContainer: "b"}, criContainer},
		"pod namespace, not needed": {`{ containers = ["*"] }`, map[string]string{crioNamespace: "a", criNamespace: "b"}, ""},
		"pod, never needed":         {`{ pod_namespaces = ["*"], containers = ["*"] }`, map[string]string{crioPod: "a", criPod: "b"}, ""},
		"nothing needed":            {`{ annotations = { "." = "." } }`, map[string]string{crioNamespace: "a", criNamespace: "b"}, ""},
	} {
		_, err := mustRead(t, when(test.when)).Decide(Container{Annotations: test.annotations, Namespaces: allKinds(spec.New)})
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err != nil {
			checkOneLine(t, err.Error())
			if !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%s: %v is not %v", name, err, ErrAmbiguous)
			}
		}
	}
}

func TestMayConcern(t *testing.T) {
	const rules = "[[rule]]\nwhen = { pod_namespaces = [\"payments\"] }\nsysctls = { \"net.x.y\" = 1 }\n"
	for name, test := range map[string]struct {
		policy      string
		annotations map[string]string
		want        bool
	}{
		"no rules, nothing known":   {"", nil, false},
		"rules, nothing known":      {rules, nil, true},
		"no rules, no annotations":  {"", map[string]string{}, false},
		"no rule matches":           {rules, map[string]string{crioNamespace: "other"}, false},
		"a rule matches":            {rules, map[string]string{crioNamespace: "payments"}, true},
		"an annotation asks":        {"", map[string]string{AnnotationPrefix + "net.x.y": "1"}, true},
		"an annotation asks oddly":  {"", map[string]string{AnnotationPrefix + "x": "1"}, true},
		"who it is is contradicted": {rules, map[string]string{crioNamespace: "a", criNamespace: "b"}, true},
	} {
		if got := mustRead(t, test.policy).MayConcern(test.annotations); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

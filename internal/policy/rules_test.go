package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// settle decides on a container with new namespaces that hold the keys.
func settle(t *testing.T, policy string, c Container, keys ...sysctl.Key) *Decisions {
	t.Helper()
	if c.Namespaces == nil {
		c.Namespaces = allKinds(spec.New)
	}
	d, err := mustRead(t, policy).Decide(c)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{held: map[sysctl.Key]string{}}
	for _, key := range keys {
		w.held[key] = "0"
	}
	if err := d.Settle(c.Namespaces, w); err != nil {
		t.Fatal(err)
	}
	return d
}

// Of the rules that match and name one key, the last one counts, whole; a more
// exact key beats a pattern, wherever it stands.
func TestRuleOrder(t *testing.T) {
	const all, def, lo sysctl.Key = "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter", "net/ipv4/conf/lo/rp_filter"
	for name, test := range map[string]struct {
		policy string
		want   []sysctl.Assignment
	}{
		"the last rule": {
			rule(`"net.core.somaxconn" = 1`) + rule(`"net.core.somaxconn" = 2`),
			[]sysctl.Assignment{{Key: "net/core/somaxconn", Value: "2"}},
		},
		"whole: what it does not say is not taken from an earlier one": {
			rule(`"net.core.somaxconn" = { value = 1, optional = true, override = "any" }`) + rule(`"net.core.somaxconn" = 2`),
			[]sysctl.Assignment{{Key: "net/core/somaxconn", Value: "2"}},
		},
		"a last one without a value": {
			rule(`"net.core.somaxconn" = 1`) + rule(`"net.core.somaxconn" = { override = "any" }`),
			nil,
		},
		"the last of those that match": {
			rule(`"net.core.somaxconn" = 1`) + "[[rule]]\nwhen = { containers = [\"other\"] }\nsysctls = { \"net.core.somaxconn\" = 2 }\n",
			[]sysctl.Assignment{{Key: "net/core/somaxconn", Value: "1"}},
		},
		"one key in two spellings": {
			rule(`"net.core.somaxconn" = 1`) + rule(`"net/core/somaxconn" = 2`),
			[]sysctl.Assignment{{Key: "net/core/somaxconn", Value: "2"}},
		},
		"the order of the rules, not of the names": {
			rule(`"net.core.txrehash" = 1`, `"net.core.somaxconn" = 2`) + rule(`"kernel.sem" = 3`, `"net.core.optmem_max" = 4`),
			[]sysctl.Assignment{
				{Key: "net/core/txrehash", Value: "1"}, {Key: "net/core/somaxconn", Value: "2"},
				{Key: "kernel/sem", Value: "3"}, {Key: "net/core/optmem_max", Value: "4"},
			},
		},
		"an exact key before a pattern": {
			rule(`"net.ipv4.conf.lo.rp_filter" = 1`) + rule(`"net.ipv4.conf.*.rp_filter" = 2`),
			[]sysctl.Assignment{{Key: lo, Value: "1"}, {Key: all, Value: "2", Optional: true}, {Key: def, Value: "2", Optional: true}},
		},
		"an exact key after a pattern": {
			rule(`"net.ipv4.conf.*.rp_filter" = 2`, `"net.ipv4.conf.lo.rp_filter" = 1`),
			[]sysctl.Assignment{{Key: all, Value: "2", Optional: true}, {Key: def, Value: "2", Optional: true}, {Key: lo, Value: "1"}},
		},
		"a pattern of fewer wildcards": {
			rule(`"net.ipv4.conf.*.rp_filter" = 1`, `"net.ipv4.*.*.rp_filter" = 2`, `"net.*.*.*.rp_filter" = 3`),
			[]sysctl.Assignment{{Key: all, Value: "1", Optional: true}, {Key: def, Value: "1", Optional: true}, {Key: lo, Value: "1", Optional: true}},
		},
		"the last of two patterns with as many wildcards": {
			rule(`"net.ipv4.*.lo.rp_filter" = 1`) + rule(`"net.ipv4.conf.*.rp_filter" = 2`),
			[]sysctl.Assignment{{Key: all, Value: "2", Optional: true}, {Key: def, Value: "2", Optional: true}, {Key: lo, Value: "2", Optional: true}},
		},
		"one pattern twice": {
			rule(`"net.ipv4.conf.*.rp_filter" = 1`) + rule(`"net.ipv4.conf.*.rp_filter" = 2`),
			[]sysctl.Assignment{{Key: all, Value: "2", Optional: true}, {Key: def, Value: "2", Optional: true}, {Key: lo, Value: "2", Optional: true}},
		},
		"a pattern that covers nothing": {rule(`"net.ipv4.conf.*.no_such_key" = 1`), nil},
		"a pattern of optional keys": {
			rule(`"net.ipv4.*.lo.rp_filter" = { value = 1, optional = true }`),
			[]sysctl.Assignment{{Key: lo, Value: "1", Optional: true}},
		},
	} {
		d := settle(t, test.policy, Container{}, all, def, lo)
		if diff := cmp.Diff(test.want, d.Assignments()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// rule is a rule for every container with these sysctls.
func rule(lines ...string) string {
	return sysctls(lines...)
}

// An ask for a key that a pattern covers is judged by the pattern, even if the
// namespace does not have the key yet.
func TestAsksUnderPattern(t *testing.T) {
	const pattern = `"net.ipv4.conf.*.rp_filter" = { value = 1, override = { max = 1 } }`
	const eth, lo sysctl.Key = "net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/lo/rp_filter"
	annotation := func(value string) map[string]string {
		return map[string]string{AnnotationPrefix + "net.ipv4.conf.eth0/100.rp_filter": value}
	}
	for name, test := range map[string]struct {
		c    Container
		want []sysctl.Assignment
	}{
		"annotation inside":       {Container{Annotations: annotation("0")}, []sysctl.Assignment{{Key: eth, Value: "0"}, {Key: lo, Value: "1", Optional: true}}},
		"annotation outside":      {Container{Annotations: annotation("2")}, nil},
		"linux.sysctl inside":     {Container{Sysctl: map[string]string{"net.ipv4.conf.lo.rp_filter": "0"}}, nil},
		"linux.sysctl outside":    {Container{Sysctl: map[string]string{"net.ipv4.conf.lo.rp_filter": "2"}}, nil},
		"linux.sysctl of no file": {Container{Sysctl: map[string]string{"net.ipv4.conf.eth0/100.rp_filter": "2"}}, []sysctl.Assignment{{Key: lo, Value: "1", Optional: true}}},
		"linux.sysctl padded":     {Container{Sysctl: map[string]string{"net//ipv4..conf/lo.rp_filter": "2"}}, nil},
	} {
		d := settle(t, rule(pattern), test.c, lo)
		if diff := cmp.Diff(test.want, d.Assignments()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if refused := len(d.Refused()) > 0; refused != (name == "annotation outside" || name == "linux.sysctl outside" || name == "linux.sysctl padded") {
			t.Errorf("%s: refused is %t", name, refused)
		}
	}
}

// One key may be asked for in two spellings, as long as they agree.
func TestAskedTwice(t *testing.T) {
	for _, test := range []struct {
		dots, slashes string
		refused       bool
	}{{"600", " 600", false}, {"600", "900", true}} {
		asks := map[string]string{"net.core.somaxconn": test.dots, "net/core/somaxconn": test.slashes}
		annotations := map[string]string{}
		for key, value := range asks {
			annotations[AnnotationPrefix+key] = value
		}
		for name, c := range map[string]Container{"annotations": {Annotations: annotations}, "linux.sysctl": {Sysctl: asks}} {
			d := settle(t, rule(`"net.core.somaxconn" = { value = 1, override = { max = 1000 } }`), c)
			if refused := len(d.Refused()) > 0; refused != test.refused {
				t.Errorf("%s %v: refused is %t", name, test, refused)
			}
		}
	}
}

// Each type of namespace is judged for itself.
func TestKindsOfNamespaces(t *testing.T) {
	c := Container{Namespaces: map[specs.LinuxNamespaceType]spec.NamespaceKind{specs.NetworkNamespace: spec.New}}
	d := settle(t, rule(`"net.core.somaxconn" = 1`, `"kernel.sem" = 2`, `"kernel.domainname" = "x"`, `"fs.mqueue.*" = 3`), c, "fs/mqueue/msg_max")
	got := map[string]string{}
	for _, decision := range d.List {
		got[decision.Key.String()] = fmt.Sprintf("%s: %s", decision.Verdict, decision.Reason)
	}
	want := map[string]string{
		"net.core.somaxconn": "set: the policy's value",
		"kernel.sem":         "leave: the container uses the host's ipc namespace",
		"kernel.domainname":  "leave: the container uses the host's uts namespace",
		"fs.mqueue.*":        "leave: the container uses the host's ipc namespace",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]specs.LinuxNamespaceType{specs.NetworkNamespace}, d.Needs()); diff != "" {
		t.Errorf("needs: -want +got:\n%s", diff)
	}
}

// What the host's namespace keeps from being done is told once.
func TestHostPatternIsToldOnce(t *testing.T) {
	c := Container{Namespaces: allKinds(spec.Host)}
	d := settle(t, rule(`"net.ipv4.conf.*.rp_filter" = 1`)+rule(`"net.ipv4.conf.*.rp_filter" = 2`), c)
	if len(d.List) != 1 || d.List[0].Setting.Value != "2" {
		t.Errorf("%+v", d.List)
	}
}

func TestNeeds(t *testing.T) {
	for name, test := range map[string]struct {
		policy string
		c      Container
		want   []specs.LinuxNamespaceType
	}{
		"no rules":          {"", Container{}, nil},
		"values":            {rule(`"net.x.y" = 1`, `"kernel.sem" = 1`, `"net.x.z" = 1`), Container{}, []specs.LinuxNamespaceType{"ipc", "network"}},
		"a pattern":         {rule(`"fs.mqueue.*" = 1`), Container{}, []specs.LinuxNamespaceType{"ipc"}},
		"all by the bundle": {rule(`"net.x.y" = 1`), Container{Sysctl: map[string]string{"net.x.y": "2"}}, nil},
		"no value":          {rule(`"net.x.y" = { override = "any" }`), Container{}, nil},
		"no value, joined":  {rule(`"net.x.y" = { override = { max = 1 } }`), Container{Namespaces: allKinds(spec.Joined)}, []specs.LinuxNamespaceType{"network"}},
		"host":              {rule(`"net.x.y" = 1`, `"net.*.z" = 1`), Container{Namespaces: allKinds(spec.Host)}, nil},
	} {
		if test.c.Namespaces == nil {
			test.c.Namespaces = allKinds(spec.New)
		}
		d, err := mustRead(t, test.policy).Decide(test.c)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, d.Needs()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// A new namespace is made only when there is a value to judge.
func TestFreshIsLookedAtOnlyIfNeeded(t *testing.T) {
	const key sysctl.Key = "net/core/somaxconn"
	for held, want := range map[string]int{"1": 0, "2": 1} {
		c := Container{Namespaces: allKinds(spec.Joined)}
		d, err := mustRead(t, rule(`"net.core.somaxconn" = 1`)).Decide(c)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{held: map[sysctl.Key]string{key: held}, fresh: map[sysctl.Key]string{key: "3"}}
		if err := d.Settle(c.Namespaces, w); err != nil {
			t.Fatal(err)
		}
		if w.looks != want {
			t.Errorf("held %s: %d new namespaces, want %d", held, w.looks, want)
		}
	}
}

// The kernel separates fields by tabs; bounds are written with spaces.
func TestJoinedValueIsJudgedByItsFields(t *testing.T) {
	const key sysctl.Key = "net/ipv4/tcp_rmem"
	for _, bounds := range []string{`{ pattern = "1 2 [0-9]" }`, `{ values = ["1 2 3"] }`, `{ max = 3 }`} {
		c := Container{Namespaces: allKinds(spec.Joined)}
		d, err := mustRead(t, rule(`"net.ipv4.tcp_rmem" = { value = [7, 8, 9], override = `+bounds+` }`)).Decide(c)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{held: map[sysctl.Key]string{key: "1\t2\t3"}, fresh: map[sysctl.Key]string{key: "4\t5\t6"}}
		if err := d.Settle(c.Namespaces, w); err != nil {
			t.Fatal(err)
		}
		if got := d.List[0]; got.Verdict != Leave || got.Warning != "" || got.Ask != "1 2 3" {
			t.Errorf("%s: %+v", bounds, got)
		}
	}
}

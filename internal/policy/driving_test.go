package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// What linux.sysctl makes the kernel change is decided on as if it were asked
// for, since runc would change it after the hook and crun before.
func TestDriving(t *testing.T) {
	const (
		forward   = "net.ipv4.ip_forward"
		all       = "net.ipv4.conf.all.forwarding"
		lo        = "net.ipv4.conf.lo.forwarding"
		redirects = "net.ipv4.conf.all.accept_redirects"
	)
	enforced := func(key, value string) string { return `"` + key + `" = { value = ` + value + `, override = "none" }` }
	bounded := func(key string) string { return `"` + key + `" = { value = 0, override = { max = 0 } }` }
	for name, test := range map[string]struct {
		rules  []string // the lines of each
		bundle map[string]string
		notes  map[string]string
		want   string // of the driven key: set, leave, refuse (the container)
		reason string
	}{
		"default":                {[]string{`"` + all + `" = 0`}, map[string]string{forward: "1"}, nil, "leave", "linux.sysctl asks for " + forward + ", which changes it"},
		"any":                    {[]string{`"` + all + `" = { value = 0, override = "any" }`}, map[string]string{forward: "1"}, nil, "leave", "which changes it"},
		"enforced":               {[]string{enforced(all, "0")}, map[string]string{forward: "1"}, nil, "refuse", `it changes ` + all + ` too: the policy enforces "0"`},
		"enforced, the same":     {[]string{enforced(all, "1")}, map[string]string{forward: "1"}, nil, "leave", "which changes it"},
		"bounded":                {[]string{bounded(all)}, map[string]string{forward: "1"}, nil, "refuse", "it changes " + all + " too: 1 is above the maximum 0"},
		"bounded, inside":        {[]string{bounded(all)}, map[string]string{forward: "0"}, nil, "leave", "which changes it"},
		"odd value":              {[]string{bounded(all)}, map[string]string{forward: "é"}, nil, "refuse", "it changes " + all + " too: a value that holds the byte 0xc3"},
		"both named":             {[]string{enforced(all, "0") + "\n\"" + forward + `" = 0`}, map[string]string{forward: "1"}, nil, "refuse", "it changes " + all + " too"},
		"both enforced":          {[]string{enforced(all, "1") + "\n" + enforced(forward, "1")}, map[string]string{forward: "1"}, nil, "leave", "which changes it"},
		"both asked for":         {[]string{enforced(all, "0")}, map[string]string{forward: "1", all: "0"}, nil, "refuse", "it changes " + all + " too"},
		"a pattern":              {[]string{enforced("net.ipv4.conf.*.forwarding", "0")}, map[string]string{forward: "1"}, nil, "refuse", "it changes net.ipv4.conf.*.forwarding too"},
		"a wide pattern":         {[]string{enforced("net.*.conf.all.forwarding", "0")}, map[string]string{forward: "1"}, nil, "refuse", "it changes net.*.conf.all.forwarding too"},
		"not copied":             {[]string{enforced(redirects, "0")}, map[string]string{forward: "1"}, nil, "refuse", "it changes " + redirects + " too, which the policy restricts"},
		"not copied, default":    {[]string{`"` + redirects + `" = 0`}, map[string]string{forward: "1"}, nil, "leave", "which changes it"},
		"replaced by a rule":     {[]string{enforced(all, "0"), `"` + all + `" = { value = 0, override = "any" }`}, map[string]string{forward: "1"}, nil, "leave", "which changes it"},
		"annotation":             {[]string{`"` + all + `" = { value = 0, override = "any" }`}, map[string]string{forward: "1"}, map[string]string{all: "0"}, "refuse", forward + ` = "1", which changes it: the two contradict each other`},
		"annotation, the same":   {[]string{`"` + all + `" = { value = 0, override = "any" }`}, map[string]string{forward: "1"}, map[string]string{all: "1"}, "set", "asked for by an annotation"},
		"warn":                   {[]string{"\x00" + enforced(all, "0")}, map[string]string{forward: "1"}, nil, "leave", "which changes it"},
		"nothing to do with it":  {[]string{enforced(all, "0")}, map[string]string{lo: "1"}, nil, "set", "the policy's value"},
		"an interface's default": {[]string{enforced("net.ipv4.conf.lo.rp_filter", "1")}, map[string]string{"net.ipv4.conf.default.rp_filter": "2"}, nil, "refuse", "it changes net.ipv4.conf.lo.rp_filter too"},
		"default, not enforced":  {[]string{`"net.ipv4.conf.lo.rp_filter" = 1`}, map[string]string{"net.ipv4.conf.default.rp_filter": "2"}, nil, "set", "the policy's value"},
		"annotation, bounded":    {[]string{`"` + forward + `" = { value = 1, override = "any" }` + "\n" + bounded(all), bounded(all)}, nil, map[string]string{forward: "1"}, "refuse", "it changes " + all + " too: 1 is above the maximum 0"},
		"in other units":         {[]string{enforced("net.ipv6.route.gc_min_interval_ms", "700")}, map[string]string{"net.ipv6.route.gc_min_interval": "9"}, nil, "refuse", "it changes net.ipv6.route.gc_min_interval_ms too"},
		"default leaves all":     {[]string{enforced("net.ipv4.conf.all.rp_filter", "1")}, map[string]string{"net.ipv4.conf.default.rp_filter": "2"}, nil, "set", "the policy's value"},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			for _, lines := range test.rules {
				lines, warn := strings.CutPrefix(lines, "\x00")
				text.WriteString("[[rule]]\n")
				if warn {
					text.WriteString("on_refusal = \"warn\"\n")
				}
				text.WriteString("[rule.sysctls]\n" + lines + "\n")
			}
			p := mustRead(t, text.String())
			c := Container{Sysctl: test.bundle, Annotations: map[string]string{}, Namespaces: allKinds(spec.New)}
			for key, value := range test.notes {
				c.Annotations[AnnotationPrefix+key] = value
			}
			d, err := p.Decide(c)
			if err != nil {
				t.Fatal(err)
			}
			driven := p.Rules[len(p.Rules)-1].Settings[0].Key
			got, reason := about(d, driven)
			if got != test.want || !strings.Contains(reason, test.reason) {
				t.Errorf("%s: %s, want %s: %s", got, reason, test.want, test.reason)
			}
			if warned := strings.Contains(warnings(d), "too: the policy enforces"); warned != (name == "warn") {
				t.Errorf("warnings: %s", warnings(d))
			}
			// On the host's network neither is anybody's to change.
			c.Namespaces = allKinds(spec.Host)
			if d, err = p.Decide(c); err != nil || len(d.Assignments()) > 0 || (test.notes == nil && len(d.Refused()) > 0) {
				t.Errorf("on the host: %+v, %v", d.List, err)
			}
		})
	}
}

// about is what is decided on a key, or on the container.
func about(d *Decisions, key sysctl.Key) (verdict, reason string) {
	if refused := d.Refused(); len(refused) > 0 {
		return Refuse.String(), refused[0].Refusal().Error()
	}
	for _, decision := range d.List {
		if decision.Key == key {
			verdict, reason = decision.Verdict.String(), decision.Reason
		}
	}
	return verdict, reason
}

func warnings(d *Decisions) string {
	var all []string
	for _, decision := range d.List {
		all = append(all, decision.Warning)
	}
	return strings.Join(all, "\n")
}

// A pattern's keys that linux.sysctl changes are left too, once they are known.
func TestDrivingBehindAPattern(t *testing.T) {
	p := mustRead(t, "[[rule]]\n[rule.sysctls]\n\"net.ipv4.conf.*.forwarding\" = 0\n\"net.ipv4.conf.*.rp_filter\" = 0\n")
	kinds := allKinds(spec.New)
	d, err := p.Decide(Container{Sysctl: map[string]string{"net.ipv4.ip_forward": "1"}, Namespaces: kinds})
	if err != nil {
		t.Fatal(err)
	}
	held := map[sysctl.Key]string{"net/ipv4/conf/lo/forwarding": "0", "net/ipv4/conf/lo/rp_filter": "2"}
	if err := d.Settle(kinds, &world{held: held, fresh: held}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[sysctl.Key]string{"net/ipv4/conf/lo/forwarding": "leave", "net/ipv4/conf/lo/rp_filter": "set"} {
		if got, reason := about(d, key); got != want {
			t.Errorf("%s: %s (%s), want %s", key, got, reason, want)
		}
	}
}

// A key that linux.sysctl asks for, and that the policy's own write of another
// changes, is given back: crun has set it by then, and runc will.
func TestDrivenAskIsRestored(t *testing.T) {
	p := mustRead(t, "[[rule]]\n[rule.sysctls]\n\"net.ipv6.conf.all.disable_ipv6\" = 1\n")
	d, err := p.Decide(Container{Sysctl: map[string]string{"net.ipv6.conf.lo.disable_ipv6": "0"}, Namespaces: allKinds(spec.New)})
	if err != nil {
		t.Fatal(err)
	}
	want := []sysctl.Assignment{
		{Key: "net/ipv6/conf/all/disable_ipv6", Value: "1"},
		{Key: "net/ipv6/conf/lo/disable_ipv6", Value: "0", Firm: true},
	}
	if diff := cmp.Diff(want, d.Assignments()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is asked for by two spellings of one key, differently, depends on the
// runtime: it is refused whatever the override.
func TestAskedForTwice(t *testing.T) {
	p := mustRead(t, "[[rule]]\n[rule.sysctls]\n\"net.core.somaxconn\" = 1\n")
	for other, refused := range map[string]bool{"2": true, "1": false} {
		d, err := p.Decide(Container{
			Sysctl: map[string]string{"net.core.somaxconn": "1", "net/core/somaxconn": other}, Namespaces: allKinds(spec.New),
		})
		if err != nil || len(d.Refused()) > 0 != refused {
			t.Errorf("1 and %s: %+v, %v", other, d.List, err)
		}
	}
}

// The kernel reads a domain name by the byte.
func TestDomainname(t *testing.T) {
	p := mustRead(t, "[[rule]]\n[rule.sysctls]\n\"kernel.domainname\" = { value = \"corp\", override = { pattern = \"[a-z.]+\" } }\n")
	for value, refused := range map[string]bool{
		"lab": false, "\ncorp": true, "corp\n": true, " corp": true, strings.Repeat("a", 64): false, strings.Repeat("a", 65): true,
	} {
		d, err := p.Decide(Container{Sysctl: map[string]string{"kernel.domainname": value}, Namespaces: allKinds(spec.New)})
		if err != nil || len(d.Refused()) > 0 != refused {
			t.Errorf("%q: %+v, %v", value, d.List, err)
		}
	}
}

// Of a value with too few fields the kernel keeps the others.
func TestTooFewFields(t *testing.T) {
	p := mustRead(t, "[[rule]]\n[rule.sysctls]\n\"net.ipv4.tcp_rmem\" = { override = { min = 1, max = 9999 } }\n\"net.ipv4.ip_local_port_range\" = { override = { pattern = \"[0-9 ]+\" } }\n")
	for key, values := range map[string]map[string]bool{
		"net.ipv4.tcp_rmem":            {"4096": true, "4096 5000": true, "4096 5000 6000": false},
		"net.ipv4.ip_local_port_range": {"40000": true, "40000 50000": false},
	} {
		for value, refused := range values {
			d, err := p.Decide(Container{Sysctl: map[string]string{key: value}, Namespaces: allKinds(spec.New)})
			if err != nil || len(d.Refused()) > 0 != refused {
				t.Errorf("%s = %s: %+v, %v", key, value, d.List, err)
			}
		}
	}
}

package test

import "testing"

// The kernel changes some sysctls when others are written: runc would do so
// after the hook, and crun before it. What linux.sysctl changes in this way
// counts as asked for, and ends alike on both.
func TestSysctlThatDrivesAnother(t *testing.T) {
	const (
		forward = "net.ipv4.ip_forward"
		all     = "net.ipv4.conf.all.forwarding"
	)
	enforced := func(key, value string) string {
		return `"` + key + `" = { value = ` + value + `, override = "none" }`
	}
	for name, test := range map[string]struct {
		rule         []string
		asked, value string
		print        string
		want         string // empty: the container does not start
	}{
		"redirects":              {[]string{enforced("net.ipv4.conf.all.accept_redirects", "0")}, forward, "0", "", ""},
		"a pattern":              {[]string{enforced("net.ipv4.conf.*.forwarding", "0")}, forward, "1", "", ""},
		"other name":             {[]string{enforced(forward, "0")}, all, "1", "", ""},
		"both named":             {[]string{enforced(all, "0"), `"` + forward + `" = 0`}, forward, "1", "", ""},
		"bounds":                 {[]string{`"` + all + `" = { value = 0, override = { max = 0 } }`}, forward, "1", "", ""},
		"an interface's default": {[]string{enforced("net.ipv4.conf.lo.rp_filter", "1")}, "net.ipv4.conf.default.rp_filter", "2", "", ""},
		"allowed":                {[]string{`"` + all + `" = { value = 0, override = { values = [0, 1] } }`}, forward, "1", all, "1"},
		"a default":              {[]string{`"` + all + `" = 0`}, forward, "1", all, "1"},
		"a default, redirects":   {[]string{`"net.ipv4.conf.all.accept_redirects" = 1`}, forward, "1", "net.ipv4.conf.all.accept_redirects", "0"},
		"default of interfaces":  {[]string{`"net.ipv4.conf.*.rp_filter" = 1`}, "net.ipv4.conf.default.rp_filter", "2", "net.ipv4.conf.lo.rp_filter", "1"},
		"in other units":         {[]string{enforced("net.ipv6.route.gc_min_interval_ms", "700")}, "net.ipv6.route.gc_min_interval", "9", "", ""},
		"given back":             {[]string{`"net.ipv6.conf.all.disable_ipv6" = 1`}, "net.ipv6.conf.lo.disable_ipv6", "0", "net.ipv6.conf.lo.disable_ipv6", "0"},
		"not an interface":       {[]string{enforced("net.ipv4.conf.all.rp_filter", "1")}, "net.ipv4.conf.default.rp_filter", "2", "net.ipv4.conf.all.rp_filter", "1"},
		"every interface of v6":  {[]string{`"net.ipv6.conf.lo.forwarding" = 0`}, "net.ipv6.conf.all.forwarding", "1", "net.ipv6.conf.lo.forwarding", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := policyDir(t, rule(test.rule...))
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				spec := printing(forward)
				if test.want != "" {
					spec = printing(test.print)
				}
				spec.Linux.Sysctl = map[string]string{test.asked: test.value}
				createRuntime(spec, hookWith(policy))
				got := r.run(t, spec)
				if test.want == "" {
					wantStopped(t, got, test.asked, "it changes", "too")
					return
				}
				wantPrinted(t, got, []string{test.print}, map[string]string{test.print: test.want})
			})
		})
	}
}

// Newer runtimes set a bundle's domainname after the hook, as others set
// linux.sysctl: it asks for kernel.domainname.
func TestBundlesDomainname(t *testing.T) {
	policy := policyDir(t, rule(`"kernel.domainname" = { value = "corp", override = "none" }`))
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(domainname)
		spec.Domainname = "other"
		createRuntime(spec, hookWith(policy))
		wantStopped(t, r.run(t, spec), domainname, "the policy enforces", "corp")
	})
}

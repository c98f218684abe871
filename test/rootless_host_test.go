package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asOthers is a user without rights, as root of a user namespace that it makes.
var asOthers = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
	"unshare", "--user", "--map-root-user"}

// openToOthers lets other users into a test's directories.
func openToOthers(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		// The directory that all of a test's are in is closed to others.
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// An ordinary user may not look at PID 1, whose namespaces are the host's: its
// own then stand for them. A container joins the network that the hook is in by
// its path, and the hook writes nothing: neither in the host's, where the kernel
// would stop it, nor in one that is the user's, where nothing would.
func TestHostsNamespaceWithoutPID1(t *testing.T) {
	// The state names a process that the user may look at.
	const script = `readlink /proc/1/ns/net 2>/dev/null || true
sleep 300 &
printf '{"ociVersion":"1.0.2","id":"direct","status":"creating","pid":%d,"bundle":"%s"}' $! "$0" >"$0/state"
code=0
"$@" <"$0/state" || code=$?
kill $!
cat /proc/sys/net/ipv4/tcp_keepalive_time
exit $code`
	for name, test := range map[string]struct {
		unshare []string
		note    string // an annotation's value
		code    int
		words   []string
	}{
		"the host's":                    {nil, "", 0, nil},
		"the user's":                    {[]string{"--net"}, "", 0, nil},
		"the host's, and an annotation": {nil, "900", 1, []string{keepaliveTime, "900", "host's"}},
		"the user's, and an annotation": {[]string{"--net"}, "900", 1, []string{keepaliveTime, "900", "host's"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.policy = policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = { value = 611, override = "any" }`))
			spec := newSpec("true")
			joinNetwork(spec, "/proc/self/ns/net")
			if test.note != "" {
				spec.Annotations = map[string]string{"oci-sysctl-hook/" + keepaliveTime: test.note}
			}
			if err := writeBundle(g.bundle, spec); err != nil {
				t.Fatal(err)
			}
			openToOthers(t, g.bundle, g.policy)
			if err := os.Chmod(g.bundle, 0o777); err != nil { // for the state
				t.Fatal(err)
			}
			g.wrap = append(append(append(g.wrap, asOthers...), test.unshare...), "sh", "-c", script, g.bundle)
			got := g.run(t, strings.NewReader(""))
			want := result{code: test.code, stdout: g.before[keepaliveTime] + "\n"}
			if test.code != 0 {
				oneError(t, got.stderr, test.words...)
				got.stderr = ""
			}
			got.took = 0
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantValues fails the test unless the namespace has these values.
func wantValues(t *testing.T, ns netns, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, ns.get(t, keepaliveKeys...)); diff != "" {
		t.Errorf("values in the pod (-want +got):\n%s", diff)
	}
}

// wantHookStatus fails the test unless the runtime says that the hook ended so:
// runc and crun have each their words for it.
func wantHookStatus(t *testing.T, got result, status int) {
	t.Helper()
	runc, crun := fmt.Sprintf("exit status %d,", status), fmt.Sprintf("(exit code: %d)", status)
	if !strings.Contains(got.stderr, runc) && !strings.Contains(got.stderr, crun) {
		t.Errorf("the hook's exit status is not %d:\n%s", status, got.stderr)
	}
}

// refusedSpec is an app container whose pod asks for too much. The annotation
// would break lines and quotes.
func refusedSpec(t *testing.T) *crioPod {
	return (&crioPod{name: "till-0", namespace: "payments-eu", annotations: map[string]string{
		"oci-sysctl-hook/" + keepaliveTime: "5\nlevel=info msg=\"all is well\"",
	}}).create(t)
}

// conmon passes on what the runtime writes to stderr, and CRI-O puts that into
// the event that kubectl describe pod shows.
func TestCRIOErrorIsShown(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := refusedSpec(t).container("app", 0, keepaliveTime)
		createRuntime(spec, hookWith(policyDir(t, crioRule(crioBounds))))
		// Not by r.run, which has crun show more than CRI-O has it show.
		got, err := newStart(t, r, spec).run("--log-format", "json")
		if err != nil {
			t.Fatal(err)
		}
		var record struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(got.stderr), &record); err != nil {
			t.Fatalf("not one JSON object: %v\n%s", err, got.stderr)
		}
		if got.code == 0 || record.Level != "error" || got.stdout != "" {
			t.Errorf("exit %d, level %s, stdout %q", got.code, record.Level, got.stdout)
		}
		wantHookStatus(t, got, 1)
		if r.hidesStderr {
			// The exit status tells who has to act; the node's log has the rest.
			want := fmt.Sprintf("error executing hook `%s` (exit code: 1)", hookPath())
			if diff := cmp.Diff(want, record.Msg); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			return
		}
		_, said, found := strings.Cut(record.Msg, ", stdout: , stderr: ")
		if !found {
			t.Fatalf("no stderr of the hook: %s", record.Msg)
		}
		oneError(t, said, keepaliveTime, `"5 level=info msg=\"all is well\""`, "annotation",
			"10-test.toml:4", "change or drop the annotation")
	})
}

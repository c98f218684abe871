package validate

import (
	"os"
	"testing"
)

// unavailable ends a test that this machine cannot run; in CI that is a failure.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run here, and CI=true: "+format, args...)
	}
	t.Skipf("cannot run here: "+format, args...)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		unavailable(t, "needs root to run containers; uid is %d", os.Geteuid())
	}
}

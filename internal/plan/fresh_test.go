package plan

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

func TestFreshLooksOnce(t *testing.T) {
	var looked [][]sysctl.Key
	var failure error
	look := func(keys []sysctl.Key) (map[sysctl.Key]string, error) {
		looked = append(looked, keys)
		values := map[sysctl.Key]string{}
		for _, key := range keys {
			if key != "net/none" {
				values[key] = "value of " + string(key)
			}
		}
		return values, failure
	}
	f := &Fresh{}
	failure = errors.New("no rights")
	if _, err := f.get([]sysctl.Key{"net/a"}, look); !errors.Is(err, failure) {
		t.Errorf("error %v, want %v", err, failure)
	}
	failure = nil
	for _, test := range []struct {
		ask  []sysctl.Key
		want map[sysctl.Key]string
	}{
		{[]sysctl.Key{"net/a", "net/none"}, map[sysctl.Key]string{"net/a": "value of net/a"}},
		{[]sysctl.Key{"net/none", "net/b"}, map[sysctl.Key]string{"net/b": "value of net/b"}},
		{[]sysctl.Key{"net/a", "net/b", "net/none"}, map[sysctl.Key]string{"net/a": "value of net/a", "net/b": "value of net/b"}},
	} {
		got, err := f.get(test.ask, look)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.ask, diff)
		}
	}
	want := [][]sysctl.Key{{"net/a"}, {"net/a", "net/none"}, {"net/b"}}
	if diff := cmp.Diff(want, looked); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
}

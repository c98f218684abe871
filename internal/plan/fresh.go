package plan

import (
	"sync"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Fresh remembers what keys hold in new namespaces: that is the same for all
// containers, and a look costs more than the rest of the work for one. The
// zero value knows nothing yet.
type Fresh struct {
	mu     sync.Mutex
	asked  map[sysctl.Key]bool
	values map[sysctl.Key]string
}

// values is a visit that asks Fresh first.
type values struct {
	*sysctl.Visit
	fresh *Fresh
}

// Fresh implements policy.Values.
func (v *values) Fresh(keys []sysctl.Key) (map[sysctl.Key]string, error) {
	return v.fresh.get(keys, v.Visit.Fresh)
}

func (f *Fresh) get(keys []sysctl.Key, look func([]sysctl.Key) (map[sysctl.Key]string, error)) (map[sysctl.Key]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.learn(keys, look); err != nil {
		return nil, err
	}
	known := map[sysctl.Key]string{}
	for _, key := range keys {
		if value, ok := f.values[key]; ok {
			known[key] = value
		}
	}
	return known, nil
}

func (f *Fresh) learn(keys []sysctl.Key, look func([]sysctl.Key) (map[sysctl.Key]string, error)) error {
	if f.asked == nil {
		f.asked, f.values = map[sysctl.Key]bool{}, map[sysctl.Key]string{}
	}
	var unknown []sysctl.Key
	for _, key := range keys {
		if !f.asked[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	values, err := look(unknown)
	if err != nil {
		return err
	}
	for _, key := range unknown {
		f.asked[key] = true
	}
	for key, value := range values {
		f.values[key] = value
	}
	return nil
}

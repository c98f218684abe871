package policy

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
)

// MaxFile bounds a policy file, in bytes.
const MaxFile = 1 << 20

// vendorDir is where make install puts the policy. The build sets it for
// another PREFIX.
var vendorDir = "/usr/share/oci-sysctl-hook/policy.d"

// DefaultDirs are the directories that policies are read from, the vendor's
// first. They need not exist.
func DefaultDirs() []string {
	return []string{
		vendorDir,
		"/etc/oci-sysctl-hook/policy.d",
		"/run/oci-sysctl-hook/policy.d",
	}
}

// LoadDefault loads the policy of the default directories.
func LoadDefault() (*Policy, error) {
	return load(DefaultDirs(), true)
}

// Load loads the policy of the directories, all of which must exist. The files
// named *.toml are read in the order of their names, whichever directory they
// are in. Of two with the same name the one in the later directory counts, and
// a link to /dev/null hides one. The error is a *LoadError.
func Load(dirs []string) (*Policy, error) {
	return load(dirs, false)
}

func load(dirs []string, mayLack bool) (*Policy, error) {
	paths := map[string]string{}
	var problems []Problem
	for _, dir := range dirs {
		names, err := list(dir)
		if err != nil && !(mayLack && isAbsent(dir)) {
			problems = append(problems, Problem{File: dir, Message: err.Error()})
		}
		for _, name := range names {
			paths[name] = dir + "/" + name
		}
	}
	policy := &Policy{}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		data, masked, err := readFile(paths[name])
		switch {
		case err != nil:
			problems = append(problems, Problem{File: paths[name], Message: err.Error()})
			continue
		case masked:
			continue
		}
		r := reader{source: &source{name: paths[name], data: data}}
		policy.Files = append(policy.Files, paths[name])
		if rules := r.read(); len(r.problems) == 0 {
			policy.Rules = append(policy.Rules, rules...)
		}
		problems = append(problems, r.problems...)
	}
	if len(problems) > 0 {
		return nil, &LoadError{Problems: problems, Sound: policy}
	}
	return policy, nil
}

// isAbsent reports that nothing has the name, not even a link that leads
// nowhere.
func isAbsent(path string) bool {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return err == unix.ENOENT || err == unix.ENOTDIR
}

// list returns the names of the directory's policy files.
func list(dir string) ([]string, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	names, err := fdio.ReadNames(fd)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasSuffix(name, ".toml") || name[0] == '.'
	}), nil
}

// readFile returns a policy file's content, or that it is masked: /dev/null.
func readFile(path string) (data []byte, masked bool, err error) {
	data, err = fdio.ReadRegular(path, MaxFile)
	switch {
	case errors.Is(err, fdio.ErrNotRegular) && isNull(path):
		return nil, true, nil
	case err == nil && len(data) == 0:
		err = errors.New("empty: cut off, perhaps; to hide a file of the same name, use a link to /dev/null")
	}
	return data, false, err
}

func isNull(path string) bool {
	var st, null unix.Stat_t
	return unix.Stat(path, &st) == nil && unix.Stat("/dev/null", &null) == nil &&
		st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == null.Rdev
}

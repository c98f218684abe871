package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// ordinaryUser is a user of this machine that a test made; nil is root.
type ordinaryUser struct {
	name     string
	uid, gid int
}

// newOrdinaryUser makes a user with subordinate IDs, as adduser does, that
// lives as long as the test.
func newOrdinaryUser(t *testing.T) *ordinaryUser {
	t.Helper()
	name := fmt.Sprintf("osh-test-%d", os.Getpid())
	for _, command := range [][]string{
		{"useradd", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh", name},
		{"usermod", "--add-subuids", "1000000000-1000065535", "--add-subgids", "1000000000-1000065535", name},
	} {
		if got, err := finish(exec.Command(command[0], command[1:]...)); err != nil || got.code != 0 {
			unavailable(t, "%s: %v, exit %d: %s", command[0], err, got.code, got.stderr)
		}
		if command[0] == "useradd" {
			t.Cleanup(func() { removeUser(t, name) })
		}
	}
	u, err := lookUpUser(name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func removeUser(t *testing.T, name string) {
	if got, err := finish(exec.Command("userdel", name)); err != nil || got.code != 0 {
		t.Errorf("userdel %s: %v, exit %d: %s", name, err, got.code, got.stderr)
	}
	for _, file := range []string{"/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid"} {
		if strings.Contains("\n"+readAny(t, file), "\n"+name+":") {
			t.Errorf("%s is still in %s", name, file)
		}
	}
}

func lookUpUser(name string) (*ordinaryUser, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(found.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(found.Gid)
	return &ordinaryUser{name: name, uid: uid, gid: gid}, err
}

// become is the command by which a program runs as the user.
func (u *ordinaryUser) become() []string {
	if u == nil {
		return nil
	}
	return []string{"setpriv", "--reuid", u.name, "--regid", u.name, "--init-groups", "--inh-caps=-all"}
}

// own gives the user a file.
func (u *ordinaryUser) own(path string) error {
	if u == nil {
		return nil
	}
	return os.Chown(path, u.uid, u.gid)
}

// lastStore numbers the stores of ordinary users.
var lastStore atomic.Int64

// newRootlessStore is a podman store of an ordinary user's, with its own pause
// process, which holds the user namespace of all the user's containers.
func newRootlessStore(t *testing.T) *podmanStore {
	t.Helper()
	needRoot(t) // to make the user
	needPrograms(t, "podman", "make", "useradd", "usermod", "userdel", "setpriv", "newuidmap")
	u := newOrdinaryUser(t)
	mounts, err := newMountSpace()
	if err != nil {
		unavailable(t, "%v", err)
	}
	store, err := newPodmanStore(filepath.Join(work, fmt.Sprintf("u%d", lastStore.Add(1))), mounts, u)
	if err != nil {
		unavailable(t, "podman as an ordinary user: %v", err)
	}
	t.Cleanup(func() {
		p := &podman{runtime: "runc", podmanStore: store, hooks: filepath.Join(store.base, "no-hooks")}
		p.do(t, "system", "migrate") // ends the pause process
		if err := errors.Join(mounts.stdin.Close(), os.RemoveAll(store.base)); err != nil {
			t.Error(err)
		}
	})
	return store
}

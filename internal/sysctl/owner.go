package sysctl

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// write gives the key the value and reads it back. It returns what was there
// before; if that is equal already, nothing is written.
//
// The kernel gives the sysctls of a container with users of its own to their
// root. For those of an IPC namespace it asks for that user, whatever the
// capabilities (ipc_permissions in ipc/ipc_sysctl.c, mq_permissions in
// ipc/mq_sysctl.c): then the calling thread becomes the user for the write.
func (t *Tree) write(key Key, value string) (old string, err error) {
	old, err = t.writeAsMyself(key, value)
	if !errors.Is(err, fs.ErrPermission) {
		return old, err
	}
	myself := unix.Geteuid()
	st, statErr := t.stat(key)
	if owner := int(st.Uid); statErr != nil || owner == myself || setThreadEuid(owner) != nil {
		return old, err
	}
	old, err = t.writeAsMyself(key, value)
	if restoreErr := setThreadEuid(myself); restoreErr != nil {
		return old, fmt.Errorf("the hook can't be user %d again: %w", myself, restoreErr)
	}
	return old, err
}

// setThreadEuid sets the calling thread's effective user. The real user stays,
// and with it the way back. (unix.Setresuid would do so for all threads.)
func setThreadEuid(uid int) error {
	const keep = ^uintptr(0)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
		return errno
	}
	return nil
}

package main

import "errors"

// Exit statuses, as the man page lists them.
const (
	exitDone    = 0
	exitRefused = 1 // by the policy
	exitInput   = 2 // usage or bad input
	exitPolicy  = 3 // a policy that can't be loaded
	exitSystem  = 4 // the kernel or the runtime said no
)

// exitError is an error with the exit status that it stands for.
type exitError struct {
	status int
	err    error
}

func exit(status int, err error) error { return &exitError{status: status, err: err} }

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exitStatus(err error) int {
	var failed *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &failed):
		return failed.status
	}
	return exitSystem
}

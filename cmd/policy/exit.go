package main

import "errors"

// Exit statuses, as the man page lists them.
const (
	exitDone   = 0
	exitFound  = 1 // a problem, a drift, a container that would be refused
	exitInput  = 2 // usage or bad input
	exitPolicy = 3 // a policy that can't be loaded
	exitSystem = 4 // the kernel or the runtime said no
)

// exitError is an error with the exit status that it stands for. Without err
// there is nothing more to be said.
type exitError struct {
	status int
	err    error
}

func exit(status int, err error) error { return &exitError{status: status, err: err} }

func (e *exitError) Error() string {
	if e.err == nil {
		return "found"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitStatus returns the status, and the error to be shown. An error that
// carries no status is cobra's, about the usage.
func exitStatus(err error) (int, error) {
	var failed *exitError
	switch {
	case err == nil:
		return exitDone, nil
	case errors.As(err, &failed):
		return failed.status, failed.err
	}
	return exitInput, err
}

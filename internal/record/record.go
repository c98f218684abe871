// Package record writes what the hook did with a container to a log. A log
// that is missing, full or stuck costs a container at most Patience.
package record

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// Patience bounds how long a log may hold up a container.
const Patience = 100 * time.Millisecond

// Options are the hook's flags for logs.
type Options struct {
	Target string // syslog, stderr, none or file:PATH
	Format string // text or json
	Level  string // the least severe level to log, as logrus names it
}

// Log is a place for records.
type Log struct {
	json   bool
	logger *logrus.Logger
	sink   sink
}

// sink takes one record.
type sink interface {
	write(level logrus.Level, line []byte) error
}

// New checks the options. It opens nothing.
func New(o Options) (*Log, error) {
	level, err := logrus.ParseLevel(o.Level)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q: not a level: error, warning, info or debug", o.Level)
	}
	sink, err := newSink(o.Target)
	if err != nil {
		return nil, err
	}
	formatter, err := newFormatter(o.Format, o.Target == "syslog")
	if err != nil {
		return nil, err
	}
	logger := logrus.New()
	logger.SetLevel(level)
	logger.SetFormatter(formatter)
	return &Log{json: o.Format == "json", logger: logger, sink: sink}, nil
}

func newSink(target string) (sink, error) {
	path, isFile := strings.CutPrefix(target, "file:")
	switch {
	case target == "syslog":
		return syslog(syslogSocket), nil
	case target == "stderr":
		return stderr{}, nil
	case target == "none":
		return nil, nil
	case isFile && strings.HasPrefix(path, "/"):
		return file(path), nil
	case isFile:
		return nil, fmt.Errorf("--log %q: the path is not absolute", target)
	}
	return nil, fmt.Errorf("--log %q: not one of syslog, stderr, none or file:PATH", target)
}

// newFormatter leaves the time out of text for the system log, which has its own.
func newFormatter(format string, timed bool) (logrus.Formatter, error) {
	switch format {
	case "json":
		return &logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano, DisableHTMLEscape: true}, nil
	case "text":
		return &logrus.TextFormatter{DisableColors: true, DisableTimestamp: timed, TimestampFormat: time.RFC3339Nano}, nil
	}
	return nil, fmt.Errorf("--log-format %q: not one of text or json", format)
}

// Write writes one record. A system log that is not there is no error.
func (l *Log) Write(level logrus.Level, message string, fields logrus.Fields) error {
	if l.sink == nil || !l.logger.IsLevelEnabled(level) {
		return nil
	}
	// UTC spares the hook the time zone database.
	entry := &logrus.Entry{Logger: l.logger, Data: fields, Time: time.Now().UTC(), Level: level, Message: message}
	line, err := entry.Bytes()
	if l.json {
		line = quote.JSON(line)
	}
	if err == nil {
		err = l.sink.write(level, line)
	}
	if errors.Is(err, errNoLog) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the record could not be logged: %w", err)
	}
	return nil
}

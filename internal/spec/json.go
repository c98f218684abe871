package spec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// decoder reads one JSON value as a stream, so that a large document costs no
// memory and what is not used is only checked. Member names match exactly, and
// a name that occurs twice in an object is an error: two readers of one
// document must not disagree on what it says.
type decoder struct {
	*jsontext.Decoder
}

// readAhead is how much is read at once, in bytes. The decoder's own buffer does
// not grow beyond 4 kB, so a large document would cost a system call for each.
const readAhead = 64 << 10

func newDecoder(r io.Reader) decoder {
	return decoder{jsontext.NewDecoder(bufio.NewReaderSize(r, readAhead))}
}

// document calls member with the name of each member of the one object that
// the input holds. The member function must read the value.
func (d decoder) document(member func(name string) error) error {
	switch _, err := d.next('{'); {
	case errors.Is(err, io.EOF):
		return errors.New("empty")
	case err != nil:
		return explain(err)
	}
	if err := d.members(member); err != nil {
		return explain(err)
	}
	switch _, err := d.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return explain(err)
	}
	return errors.New("more follows after the JSON object")
}

// explain drops what a user does not need from a syntax error.
func explain(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("not valid JSON: it ends too early")
	case errors.As(err, &syntactic):
		return fmt.Errorf("not valid JSON: %.200s", strings.TrimPrefix(err.Error(), "jsontext: "))
	case errors.Unwrap(err) != nil: // the reader's, which needs no "jsontext: read error"
		return errors.Unwrap(err)
	}
	return err
}

// object is document for a value inside of one. For null, which stands for
// nothing, member is not called.
func (d decoder) object(member func(name string) error) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	if _, err := d.next('{'); err != nil {
		return err
	}
	return d.members(member)
}

func (d decoder) members(member func(name string) error) error {
	for d.PeekKind() != '}' {
		name, err := d.text()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// array calls element before each element, which it must read.
func (d decoder) array(element func() error) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	if _, err := d.next('['); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// skip skips the value of a member that is not used. A runtime in Go takes a name
// in any case for the one that it looks for (package encoding/json), and one in C
// does not: such a name means two things.
func (d decoder) skip(name string, used ...string) error {
	for _, other := range used {
		if strings.EqualFold(name, other) {
			return fmt.Errorf("%s: to some runtimes this is %q, and to others it is not", d.where(), other)
		}
	}
	return d.SkipValue()
}

func (d decoder) stringMap() (map[string]string, error) {
	values := map[string]string{}
	err := d.object(func(name string) (err error) {
		values[name], err = d.text()
		return err
	})
	return values, err
}

func (d decoder) text() (string, error) {
	token, err := d.next('"')
	if err != nil {
		return "", err
	}
	return token.String(), nil
}

func (d decoder) integer() (int, error) {
	token, err := d.next('0')
	if err != nil {
		return 0, err
	}
	n, err := token.Int()
	if err != nil {
		return 0, fmt.Errorf("%s: not an integer", d.where())
	}
	return int(n), nil
}

func (d decoder) null() (bool, error) {
	if d.PeekKind() != 'n' {
		return false, nil
	}
	_, err := d.ReadToken()
	return true, err
}

// next reads a token, which must be of the kind.
func (d decoder) next(kind jsontext.Kind) (jsontext.Token, error) {
	token, err := d.ReadToken()
	if err != nil {
		return token, err
	}
	if token.Kind() != kind {
		return token, fmt.Errorf("%s: %s where %s is expected", d.where(), kindName(token.Kind()), kindName(kind))
	}
	return token, nil
}

// where points to the last token read. The names in it are the document's:
// quoting and a bound keep the error one short line.
func (d decoder) where() string {
	if pointer := d.StackPointer(); pointer != "" {
		return quote.Text(string(pointer))
	}
	return "the document"
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{', '}':
		return "an object"
	case '[', ']':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	default:
		return "null"
	}
}

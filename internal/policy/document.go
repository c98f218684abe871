package policy

import (
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// item is a TOML value with its place in the file. go-toml's Unmarshal would
// need reflection, which costs the hook more than the whole rest of its work,
// and gives no positions; its parser gives the expressions, and this file puts
// them together by TOML's rules on what may be defined twice.
type item struct {
	name   string // the key, for a member of a table
	at     int    // offset of the key, or of the value in an array
	kind   unstable.Kind
	text   string  // a scalar's value; numbers as written
	items  []*item // members of a table, elements of an array
	origin origin
}

// origin tells how a table came to be, which decides what may be added to it.
type origin int

const (
	implied  origin = iota // by the header of a table below it
	headed                 // by its own header
	dotted                 // by a dotted key
	literal                // written inline: complete
	appended               // an array of tables, by [[headers]]
)

func (i *item) member(name string) *item {
	for _, member := range i.items {
		if member.name == name {
			return member
		}
	}
	return nil
}

func (i *item) add(member *item) *item {
	i.items = append(i.items, member)
	return member
}

// syntaxError is a problem at an offset of the file.
type syntaxError struct {
	at      int
	message string
}

func (e *syntaxError) Error() string { return e.message }

func syntaxErrorf(at int, format string, args ...any) error {
	return &syntaxError{at: at, message: fmt.Sprintf(format, args...)}
}

// parse returns the document's root table.
func parse(data []byte) (*item, error) {
	root := &item{kind: unstable.Table, origin: headed}
	table := root
	var parser unstable.Parser
	parser.Reset(data)
	for parser.NextExpression() {
		var err error
		switch e := parser.Expression(); e.Kind {
		case unstable.Table:
			table, err = header(root, e, false)
		case unstable.ArrayTable:
			table, err = header(root, e, true)
		case unstable.KeyValue:
			err = assign(table, e)
		}
		if err != nil {
			return nil, err
		}
	}
	var syntax *unstable.ParserError
	if err := parser.Error(); errors.As(err, &syntax) {
		return nil, syntaxErrorf(int(parser.Range(syntax.Highlight).Offset), "%s", syntax.Message)
	} else if err != nil {
		return nil, err
	}
	return root, nil
}

// header returns the table that a [header] or [[header]] opens.
func header(root *item, e *unstable.Node, array bool) (*item, error) {
	table := root
	for it := e.Key(); it.Next(); {
		name, at := string(it.Node().Data), int(it.Node().Raw.Offset)
		member := table.member(name)
		if it.IsLast() {
			return open(table, member, name, at, array)
		}
		if member == nil {
			member = table.add(&item{name: name, at: at, kind: unstable.Table})
		}
		if table = extensible(member); table == nil {
			return nil, syntaxErrorf(at, "%s is complete and can't be added to", quote.Text(name))
		}
	}
	return table, nil
}

// extensible returns the table that a header below the item adds to: the item,
// the last of an array of tables, or nil.
func extensible(i *item) *item {
	if i.origin == appended {
		i = i.items[len(i.items)-1]
	}
	if i.kind != unstable.Table || i.origin == literal {
		return nil
	}
	return i
}

func open(parent, member *item, name string, at int, array bool) (*item, error) {
	switch {
	case array && member == nil:
		member = parent.add(&item{name: name, at: at, kind: unstable.Array, origin: appended})
		fallthrough
	case array && member.origin == appended:
		return member.add(&item{at: at, kind: unstable.Table, origin: headed}), nil
	case member == nil:
		return parent.add(&item{name: name, at: at, kind: unstable.Table, origin: headed}), nil
	case !array && member.kind == unstable.Table && member.origin == implied:
		member.origin = headed
		return member, nil
	}
	return nil, syntaxErrorf(at, "%s is defined twice", quote.Text(name))
}

// assign adds a key = value to the table, making tables for a dotted key.
func assign(table *item, e *unstable.Node) error {
	for it := e.Key(); it.Next(); {
		name, at := string(it.Node().Data), int(it.Node().Raw.Offset)
		member := table.member(name)
		switch {
		case it.IsLast() && member != nil:
			return syntaxErrorf(at, "%s is defined twice", quote.Text(name))
		case it.IsLast():
			value, err := newItem(e.Value(), at)
			if err != nil {
				return err
			}
			value.name = name
			table.add(value)
		case member == nil:
			table = table.add(&item{name: name, at: at, kind: unstable.Table, origin: dotted})
		case member.origin != dotted:
			return syntaxErrorf(at, "%s is defined twice", quote.Text(name))
		default:
			table = member
		}
	}
	return nil
}

func newItem(value *unstable.Node, at int) (*item, error) {
	i := &item{at: at, kind: value.Kind, text: string(value.Data)}
	switch value.Kind {
	case unstable.Array:
		for it := value.Children(); it.Next(); {
			element := it.Node()
			if element.Raw.Length > 0 {
				at = int(element.Raw.Offset)
			}
			child, err := newItem(element, at)
			if err != nil {
				return nil, err
			}
			i.add(child)
		}
		i.origin = literal
	case unstable.InlineTable:
		i.kind = unstable.Table
		for it := value.Children(); it.Next(); {
			if err := assign(i, it.Node()); err != nil {
				return nil, err
			}
		}
		seal(i)
	}
	return i, nil
}

// seal completes an inline table and the tables that its dotted keys made.
func seal(i *item) {
	if i.kind == unstable.Table {
		i.origin = literal
		for _, member := range i.items {
			seal(member)
		}
	}
}

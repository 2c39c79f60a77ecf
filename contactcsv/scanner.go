package contactcsv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// firstBuffer is the size of a scanner's buffer, which long rows make larger.
const firstBuffer = 64 << 10

// scanner reads the records of a text in UTF-8. encoding/csv does not do for this: it
// reads an unclosed quote to the end of the file into memory, it changes the line ends
// in cells, and it does not know lines that end in a carriage return alone.
type scanner struct {
	from      io.Reader
	delimiter byte
	end       byte // of a line: '\n', also after '\r', or '\r'
	max       int  // bytes of a record
	line      int  // of the next record

	buf         []byte
	start, fill int   // the part of buf that has been read and not been used
	err         error // of from

	cells   []span
	state   state
	current span
	opened  int // the line of the last quote that opened a cell
	lines   int // line ends within the record
	fault   int // the first cell, from 1, that has text after its closing quote
}

// A span is the part of a record that is a cell.
type span struct {
	raw, start, end int // raw is where the cell begins, with blanks and quote
	doubled         bool
}

type state uint8

const (
	before   state = iota // at the start of a cell, or in the blanks before its quote
	plain                 // in a cell without quotes
	quoted                // in a quoted cell
	quote                 // after a quote in a quoted cell: it is the last, or one of two
	trailing              // after the closing quote
)

// record is a row of the file as it was read.
type record struct {
	line  int
	text  string // without its line end
	cells []string
	tail  int    // where the cell after as many as there are special columns begins; 0 if there is none
	end   string // the line end; "" at the end of the file
	fault int    // the first cell, from 1, that has text after its closing quote; 0: none
}

// next returns the next record that is not an empty line. Its error is io.EOF or a *FileError.
func (s *scanner) next() (record, error) {
	for {
		n, err := s.scan()
		if err == nil && n > s.max {
			err = s.tooLong()
		}
		if err != nil {
			return record{}, err
		}
		r := s.take(n)
		if r.text != "" {
			return r, nil
		}
	}
}

// scan finds the end of the record, and returns how long it is without the line end.
func (s *scanner) scan() (int, error) {
	s.cells, s.state, s.current = s.cells[:0], before, span{}
	s.lines, s.fault = 0, 0
	for i := 0; ; i++ {
		if i == s.fill-s.start {
			if err := s.more(i); err != nil {
				return 0, err
			}
			if i == s.fill-s.start { // the end of the file
				return i, s.last(i)
			}
		}
		c := s.buf[s.start+i]
		if c == s.end {
			if s.state != quoted {
				s.cut(i)
				return i, nil
			}
			s.lines++
		}
		s.step(c, i)
	}
}

// step moves the state on by one byte.
func (s *scanner) step(c byte, i int) {
	switch s.state {
	case plain:
		if c == s.delimiter {
			s.cut(i)
		}
	case quoted:
		if c == '"' {
			s.state, s.current.end = quote, i
		}
	case before:
		switch {
		case c == s.delimiter:
			s.cut(i)
		case c == '"':
			s.state, s.current.start, s.opened = quoted, i+1, s.line+s.lines
		case c != ' ' && c != '\t' && c != '\r':
			s.state = plain
		}
	case quote:
		if c == '"' {
			s.state, s.current.doubled = quoted, true
			return
		}
		s.state = trailing
		s.step(c, i)
	case trailing:
		switch {
		case c == s.delimiter:
			s.cut(i)
		case c != ' ' && c != '\t' && c != '\r':
			if s.fault == 0 {
				s.fault = len(s.cells) + 1
			}
			s.state, s.current.start, s.current.doubled = plain, s.current.raw, false // as it stands
		}
	}
}

// cut ends the cell at i.
func (s *scanner) cut(i int) {
	if s.state == before || s.state == plain {
		s.current.end = i
	}
	s.cells = append(s.cells, s.current)
	s.state, s.current = before, span{raw: i + 1, start: i + 1}
}

// last ends the record at the end of the file.
func (s *scanner) last(i int) error {
	switch {
	case !errors.Is(s.err, io.EOF):
		return s.failed()
	case s.state == quoted:
		return &FileError{Line: s.opened, Reason: "a quote that opens a cell in this line is not closed before " +
			"the end of the file: close it, or double the quotes within the cell"}
	case i == 0:
		return io.EOF
	}
	s.cut(i)
	return nil
}

// failed returns the error of the text.
func (s *scanner) failed() error {
	at := s.line + bytes.Count(s.buf[s.start:s.fill], []byte{s.end})
	if undecodable, ok := errors.AsType[*undecodableError](s.err); ok {
		return &FileError{Line: at, Reason: undecodable.Error()}
	}
	return &FileError{Line: at, Reason: "reading the file failed: " + s.err.Error(), cause: s.err}
}

// more reads more of a record of which n bytes have been scanned.
func (s *scanner) more(n int) error {
	if n > s.max {
		return s.tooLong()
	}
	if s.buf == nil {
		s.buf = make([]byte, firstBuffer)
	}
	if s.start > 0 && s.fill == len(s.buf) {
		copy(s.buf, s.buf[s.start:s.fill])
		s.fill -= s.start
		s.start = 0
	}
	if s.fill == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for read := 0; read == 0 && s.err == nil; {
		read, s.err = s.from.Read(s.buf[s.fill:])
		s.fill += read
	}
	return nil
}

func (s *scanner) tooLong() error {
	if s.state == quoted {
		return &FileError{Line: s.opened, Reason: fmt.Sprintf("a quote that opens a cell in this line is not closed, "+
			"or the row is longer than %d bytes: close it, or set ReaderOptions.MaxRowBytes", s.max)}
	}
	return &FileError{Line: s.line, Reason: fmt.Sprintf("the row is longer than %d bytes: set ReaderOptions.MaxRowBytes", s.max)}
}

// take returns the record of n bytes that was scanned, and goes on to the next.
func (s *scanner) take(n int) record {
	text := s.buf[s.start : s.start+n]
	used := min(n+1, s.fill-s.start)
	r := record{line: s.line, end: string(s.buf[s.start+n : s.start+used]), fault: s.fault}
	if s.end == '\n' && bytes.HasSuffix(text, []byte("\r")) && s.state == before {
		text = text[:n-1]
		if r.end != "" {
			r.end = "\r\n"
		}
	}
	r.text = string(text)
	s.line += s.lines
	if r.end != "" {
		s.line++
	}
	if r.text != "" {
		r.cells = make([]string, len(s.cells))
		if len(s.cells) > len(special) {
			r.tail = s.cells[len(special)].raw
		}
		for i, c := range s.cells {
			cell := r.text[min(c.start, len(r.text)):min(c.end, len(r.text))]
			if c.doubled {
				cell = strings.ReplaceAll(cell, `""`, `"`)
			}
			r.cells[i] = cell
		}
	}
	s.start += used
	return r
}

// checkUTF8 returns an error if a record is not valid UTF-8, with the line of the byte.
func checkUTF8(r record, end byte) error {
	if utf8.ValidString(r.text) {
		return nil
	}
	i := 0
	for i < len(r.text) {
		c, size := utf8.DecodeRuneInString(r.text[i:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return &FileError{
		Line: r.line + strings.Count(r.text[:i], string(end)),
		Reason: fmt.Sprintf("the byte 0x%02X is not valid UTF-8, unlike the text before it: set "+
			`ReaderOptions.Encoding, for example to "windows-1252", or save the whole file as UTF-8`, r.text[i]),
	}
}

package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
)

// separator is the line before each mail of an mbox: the sender, and the time of the delivery
// as asctime writes it, with a zone before or after the year in some files.
var separator = regexp.MustCompile(`^From \S.* (Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} +\d{1,2}:\d\d(:\d\d)? +([-+A-Z0-9]+ +)?\d{4}( +[-+A-Z0-9]+)*$`)

// header is the beginning of a line of the header of a mail.
var header = regexp.MustCompile(`^(>From |[!-9;-~]+[ \t]*:)`)

// ReadMbox returns the mails of an mbox file. name is the name that errors and [Mail.Where] have
// for it. See [Read] for the errors.
//
// A line that begins with "From " begins a mail only if it is the separator of an mbox, with
// the time of a delivery, and a header follows. Any other is part of the text, also if the
// program that wrote the file has not marked it with a ">".
func ReadMbox(r io.Reader, name string) iter.Seq2[*Mail, error] {
	return func(yield func(*Mail, error) bool) { readMbox(r, name, yield) }
}

func readMbox(r io.Reader, name string, yield func(*Mail, error) bool) {
	m := mbox{from: bufio.NewReaderSize(r, 64<<10), name: name}
	for {
		data, where, err := m.next()
		if errors.Is(err, io.EOF) {
			return
		}
		var one *Error
		if err != nil && !errors.As(err, &one) {
			yield(nil, fmt.Errorf("mailbox: %s: %w", name, err))
			return
		}
		var found *Mail
		if err == nil {
			if found, err = parse(data); err != nil {
				err = &Error{where, err}
			} else {
				found.Where = where
			}
		}
		if !yield(found, err) {
			return
		}
	}
}

// mbox splits an mbox into its mails.
type mbox struct {
	from  *bufio.Reader
	name  string
	line  int  // the number of lines that were read
	begun bool // the separator of the next mail has been read
}

var errNotMbox = errors.New(`this is not an mbox file: it does not begin with a line such as "From ann@example.com Mon Jan  2 15:04:05 2006"`)

// next returns the next mail, without its separator, and where it is.
func (m *mbox) next() (data []byte, where string, err error) {
	if !m.begun {
		if err := m.begin(); err != nil {
			return nil, "", err
		}
	}
	where = fmt.Sprintf("%s:%d", m.name, m.line)
	m.begun = false
	for {
		line, err := m.read()
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, "", err
		}
		if m.separates(line) {
			m.begun = true
			break
		}
		if len(data) <= maxMail {
			data = append(data, unquoted(line)...)
		}
	}
	if len(data) > maxMail {
		return nil, "", &Error{where, errTooLarge}
	}
	// The blank line before the next separator is not part of the mail.
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if bytes.HasSuffix(data, []byte(end)) {
			return data[:len(data)-len(end)/2], where, nil
		}
	}
	return data, where, nil
}

// begin reads up to the first separator, before which only blank lines may be.
func (m *mbox) begin() error {
	for {
		line, err := m.read()
		if len(bytes.TrimSpace(line)) > 0 {
			if !m.separates(line) {
				return errNotMbox
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// read reads a line with its end. Of a line that is longer than a mail may be, it returns the
// beginning.
func (m *mbox) read() ([]byte, error) {
	var line []byte
	for {
		part, err := m.from.ReadSlice('\n')
		if len(line) <= maxMail {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			m.line++
			return line, err //nolint:wrapcheck // readMbox names the file
		}
	}
}

// separates reports whether a line that was just read is a separator: what follows it decides,
// too.
func (m *mbox) separates(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("From ")) || !separator.Match(bytes.TrimRight(line, "\r\n \t")) {
		return false
	}
	const longestName = 256
	next, _ := m.from.Peek(longestName)
	return len(bytes.TrimSpace(next)) == 0 || header.Match(next)
}

// unquoted removes the mark of a line that would look like a separator without it.
func unquoted(line []byte) []byte {
	if marked := bytes.TrimLeft(line, ">"); len(marked) < len(line) && bytes.HasPrefix(marked, []byte("From ")) {
		return line[1:]
	}
	return line
}

// split splits the name of a file in a Maildir into the part that stays the same and the flags.
func split(name string) (unique, flags string) {
	for _, mark := range []string{":2,", ";2,", "!2,"} { // systems without colons in names have others
		if unique, flags, ok := strings.Cut(name, mark); ok {
			return unique, flags
		}
	}
	return name, ""
}

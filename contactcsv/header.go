package contactcsv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

const (
	// headerLines is in how many of the first lines the header is looked for.
	headerLines = 20
	// sampleRows is how many rows below the header are compared with it.
	sampleRows = 50
)

// The delimiters that are found out, from the one that is taken if all fit alike.
const delimiters = ",;\t|"

// layout is where the header of a text is, and how its cells are delimited.
type layout struct {
	delimiter byte
	end       byte // of a line
	header    record
	line      int // of the header; 0 if there is none
	known     int // names of the header that are known
	columns   int
	broken    int     // the first line above the header that no row can be read from; 0 if there is none
	alike     float64 // the share of rows below with as many cells as the header

	delimiterSure, headerSure Certainty
}

// finder finds the layout of a text by its beginning.
type finder struct {
	text  []byte
	known func(name string) bool
	o     *ReaderOptions
}

// find returns the layout of the text.
func (f finder) find() (layout, error) {
	best, end := layout{}, lineEnd(f.text)
	candidates, named, first := delimiters, false, 1
	if separator, ok := separatorLine(f.text, end); ok {
		candidates, named, first = separator, true, 2
	}
	if f.o.Delimiter != 0 {
		candidates = string(f.o.Delimiter)
	}
	for _, delimiter := range []byte(candidates) {
		l := f.layout(delimiter, end, first)
		if best.delimiter == 0 || l.better(best) {
			best = l
		}
	}
	switch {
	case f.o.Delimiter != 0:
		best.delimiterSure = Given
	case named || best.known > 1 && best.columns > 1:
		best.delimiterSure = Certain
	case best.known > 0 || best.columns > 1 && best.alike > 0.9:
		best.delimiterSure = Likely
	}
	err := f.check(&best)
	return best, err
}

// lineEnd returns the last byte of the line ends: '\r' if there is one that no '\n' follows, and
// no '\n' at all, but for those in quotes.
func lineEnd(text []byte) byte {
	inQuotes, found := false, byte('\n')
	for i, c := range text {
		switch {
		case c == '"':
			inQuotes = !inQuotes
		case c == '\n' && !inQuotes:
			return '\n'
		case c == '\r' && !inQuotes && i+1 < len(text) && text[i+1] != '\n':
			found = '\r'
		}
	}
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') >= 0 {
		return '\r'
	}
	return found
}

// better reports whether a layout fits better than the other.
func (l layout) better(other layout) bool {
	switch {
	case l.known != other.known:
		return l.known > other.known
	case (l.columns > 1) != (other.columns > 1):
		return l.columns > 1
	case l.alike != other.alike:
		return l.alike > other.alike
	default:
		return l.columns > other.columns
	}
}

// separatorLine returns the delimiter that a first line such as "sep=;" names: Excel writes it.
func separatorLine(text []byte, end byte) (string, bool) {
	line, _, _ := bytes.Cut(text, []byte{end})
	value, ok := strings.CutPrefix(strings.ToLower(strings.Trim(string(line), "\"\r")), "sep=")
	return value, ok && len(value) == 1 && isDelimiter(rune(value[0]))
}

// isDelimiter reports whether the character can delimit cells.
func isDelimiter(c rune) bool {
	return c > 0 && c < 0x7f && c != '"' && c != '\r' && c != '\n' && c != ' ' && !isLetter(byte(c)) && (c < '0' || c > '9')
}

// layout returns the layout of the text with a delimiter.
func (f finder) layout(delimiter, end byte, first int) layout {
	best := layout{delimiter: delimiter, end: end}
	rest := f.text
	for line := 1; line <= max(headerLines, f.o.HeaderLine) && len(rest) > 0; line++ {
		here := rest
		if _, rest, _ = bytes.Cut(rest, []byte{end}); line < first {
			continue
		}
		s := scanner{from: bytes.NewReader(here), delimiter: delimiter, end: end, max: f.o.MaxRowBytes, line: line}
		r, err := s.next()
		if _, ok := errors.AsType[*FileError](err); ok && best.line == 0 && best.broken == 0 {
			best.broken = line
		}
		if err != nil || r.line != line {
			continue
		}
		known, columns := f.count(r.cells)
		switch {
		case isReject(r.cells): // whatever the options say of the file that the rejects are from
			known += columns
		case f.o.HeaderLine != 0 && line != f.o.HeaderLine:
			continue
		}
		if best.line == 0 || known > best.known {
			best.header, best.line, best.known, best.columns = r, line, known, columns
			best.alike = alike(&s, len(r.cells))
		}
	}
	return best
}

// count returns how many names of a header are known, and how many cells it has.
func (f finder) count(cells []string) (known, columns int) {
	seen := map[string]bool{}
	for _, cell := range cells {
		if k := key(cell); f.known(cell) && !seen[k] {
			seen[k] = true
			known++
		}
	}
	return known, len(cells)
}

// alike returns the share of the next rows that have as many cells as the header.
func alike(s *scanner, columns int) float64 {
	same, all := 0, 0
	for all < sampleRows {
		r, err := s.next()
		if err != nil {
			break // the end of the sample may be in the middle of a row
		}
		all++
		if len(r.cells) == columns {
			same++
		}
	}
	if all == 0 {
		return 1
	}
	return float64(same) / float64(all)
}

// check decides how sure the header is, and returns an error if it may be another row.
func (f finder) check(l *layout) error {
	switch {
	case l.line == 0 && f.o.HeaderLine != 0:
		return &FileError{Line: f.o.HeaderLine, Reason: "ReaderOptions.HeaderLine: no row begins in this line, or not in the first 256 KiB"}
	case l.line == 0:
		return &FileError{Reason: fmt.Sprintf("no header row was found in the first %d lines: set ReaderOptions.HeaderLine, "+
			"or ReaderOptions.Header if the file has none", headerLines)}
	case isReject(l.header.cells):
		l.headerSure = Certain
		return nil
	case len(f.o.Header) > 0 || f.o.HeaderLine != 0:
		l.headerSure = Given
		return nil
	case l.known == 0 && l.broken != 0:
		return &FileError{Line: l.broken, Reason: "a quote that opens a cell in this line is not closed, " +
			"and no header row was found below: close it, or set ReaderOptions.HeaderLine"}
	case looksLikeData(l.header.cells):
		return &FileError{Line: l.line, Reason: "this row has data, and no header row was found above it: " +
			"set ReaderOptions.Header to the names of the columns"}
	}
	if above := f.alsoHeader(l); above != 0 {
		return &FileError{Line: l.line, Reason: fmt.Sprintf(
			"this row or that in line %d may be the header: set ReaderOptions.HeaderLine", above)}
	}
	switch l.known {
	case 0:
		l.headerSure = Guess
	case 1:
		l.headerSure = Likely
	default:
		l.headerSure = Certain
	}
	return nil
}

// alsoHeader returns the line of a row above the header that may be the header too, or 0.
func (f finder) alsoHeader(l *layout) int {
	s := scanner{from: bytes.NewReader(f.text), delimiter: l.delimiter, end: l.end, max: f.o.MaxRowBytes, line: 1}
	for {
		r, err := s.next()
		if err != nil || r.line >= l.line {
			return 0
		}
		if len(r.cells) >= l.columns && filled(r.cells) > 1 {
			return r.line
		}
	}
}

// looksLikeData reports whether a row has what no header has.
func looksLikeData(cells []string) bool {
	return slices.ContainsFunc(cells, func(cell string) bool {
		cell = strings.TrimSpace(cell)
		return strings.Contains(cell, "@") && match.CheckAddress(cell) == nil || strings.HasPrefix(cell, "http")
	})
}

// filled returns how many cells are not empty.
func filled(cells []string) int {
	n := 0
	for _, cell := range cells {
		if strings.TrimSpace(cell) != "" {
			n++
		}
	}
	return n
}

// skipLines reads the lines above the header.
func skipLines(from io.ByteReader, end byte, n int) error {
	for n > 0 {
		c, err := from.ReadByte()
		if err != nil {
			return &FileError{Reason: "reading the file failed: " + err.Error(), cause: err}
		}
		if c == end {
			n--
		}
	}
	return nil
}

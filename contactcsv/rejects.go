package contactcsv

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/growthgenius/growthgenius-go"
)

// special are the columns of a rejects file that its input does not have. They come first, so
// that a row with too many cells, or too few, keeps its cells where they are.
var special = [...]string{"_line", "_field", "_error"}

// maxErrorText limits the text in the column _error.
const maxErrorText = 2000

// isReject reports whether a header is that of a rejects file.
func isReject(header []string) bool { return len(specialColumns(header)) == len(special) }

// specialColumns returns where the special columns are.
func specialColumns(header []string) []int {
	var at []int
	for _, name := range special {
		if i := slices.IndexFunc(header, func(cell string) bool { return strings.TrimSpace(cell) == name }); i >= 0 {
			at = append(at, i)
		}
	}
	return at
}

// own returns the cells of a record that are not in special columns, and their text if they are
// in one piece. It returns the line in the column _line, or 0.
func (r *Reader) own(record record) (cells []string, text string, origin int) {
	if len(r.special) == 0 {
		return record.cells, record.text, 0
	}
	if at := r.special[0]; at < len(record.cells) {
		origin, _ = strconv.Atoi(strings.TrimSpace(record.cells[at]))
	}
	for i, cell := range record.cells {
		if !slices.Contains(r.special, i) {
			cells = append(cells, cell)
		}
	}
	if slices.Max(r.special) == len(special)-1 && record.tail > 0 {
		text = record.text[record.tail:]
	}
	return cells, text, max(origin, 0)
}

// Rejects writes rows that were not imported to a file that can be mended and read again. The
// file has the columns, the delimiter, the encoding and the line ends of the file that the rows
// are from, and before them the columns _line, _field and _error. A Reader ignores those, but
// for _line, which is [Row].Origin.
//
// Rows are written as they are in their file, byte for byte: also a row that is not valid CSV,
// and a cell such as =1+1 that a spreadsheet takes for a formula. The columns _field and _error
// never begin with a formula. A character that the encoding does not have is written as \u20ac
// in _error.
//
// It is safe for concurrent use.
type Rejects struct {
	reader *Reader
	mu     sync.Mutex
	to     io.Writer
	count  int
	failed error
}

// NewRejects returns a writer of rows of r. It writes nothing before the first row, so that
// without rejects the file stays empty. Each row is one call of w.Write, and is not buffered.
func NewRejects(w io.Writer, r *Reader) *Rejects { return &Rejects{to: w, reader: r} }

// Count returns how many rows have been written.
func (w *Rejects) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Write writes a row, and why it was not imported. The column _field has the fields that a
// [*RowError] or a [*growthgenius.APIError] names.
func (w *Rejects) Write(row *Row, reason error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.failed != nil:
		return w.failed
	case row == nil || row.reader != w.reader:
		return fmt.Errorf("contactcsv: %w: the row is not from the file that the rejects belong to", growthgenius.ErrInvalidInput)
	}
	fields, text := describe(reason)
	var data []byte
	var err error
	if w.count == 0 {
		data, err = w.header()
	}
	line, err2 := w.line(strconv.Itoa(row.Origin), fields, text, w.reader.textOf(row.text, row.Cells))
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("contactcsv: line %d: the row cannot be written as %s: %w", row.Line, w.reader.coding.name, err)
	}
	if _, err := w.to.Write(append(data, line...)); err != nil {
		w.failed = fmt.Errorf("contactcsv: writing the rejects failed: %w", err)
		return w.failed
	}
	w.count++
	return nil
}

// header returns the byte-order mark and the header.
func (w *Rejects) header() ([]byte, error) {
	names := make([]string, len(w.reader.columns))
	for i, c := range w.reader.columns {
		names[i] = c.Name
	}
	line, err := w.line(special[0], special[1], special[2], w.reader.textOf(w.reader.headText, names))
	return append([]byte(w.reader.coding.mark), line...), err
}

// line returns an encoded line.
func (w *Rejects) line(line, fields, text, row string) ([]byte, error) {
	r := w.reader
	delimiter := string(r.dialect.Delimiter)
	head := line + delimiter + r.quote(r.encodable(fields)) + delimiter + r.quote(r.encodable(text)) + delimiter
	return r.coding.encode(head + row + r.dialect.LineEnd)
}

// textOf returns the text of a row as it is in the file, or else its cells, quoted if need be.
func (r *Reader) textOf(text string, cells []string) string {
	if text != "" {
		return text
	}
	quoted := make([]string, len(cells))
	for i, cell := range cells {
		quoted[i] = r.quote(cell)
	}
	return strings.Join(quoted, string(r.dialect.Delimiter))
}

// quote quotes a cell if it has to be.
func (r *Reader) quote(cell string) string {
	if !strings.ContainsAny(cell, "\"\r\n"+string(r.dialect.Delimiter)) && strings.TrimLeft(cell, " \t") == cell {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}

// encodable escapes the characters that the encoding of the file does not have.
func (r *Reader) encodable(text string) string {
	if _, err := r.coding.encode(text); err == nil {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		if _, err := r.coding.encode(string(c)); err == nil {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "\\u%04x", c)
		}
	}
	return b.String()
}

// describe returns the fields that an error is about, and its text, for cells.
func describe(err error) (fields, text string) {
	if err == nil {
		return "", ""
	}
	text = err.Error()
	if bad, ok := errors.AsType[*RowError](err); ok {
		return plainCell(bad.fields()), plainCell(bad.reasons())
	}
	if api, ok := errors.AsType[*growthgenius.APIError](err); ok {
		names := make([]string, 0, len(api.Fields))
		for name := range api.Fields {
			names = append(names, name)
		}
		slices.Sort(names)
		fields = strings.Join(names, "; ")
	}
	return plainCell(fields), plainCell(text)
}

// plainCell makes a text one line, limits it, and keeps spreadsheets from taking it for a formula.
func plainCell(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	if text != "" && strings.IndexByte("=+-@", text[0]) >= 0 {
		text = "'" + text
	}
	return text
}

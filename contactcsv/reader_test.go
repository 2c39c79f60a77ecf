package contactcsv_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/contactcsv"
)

// open returns a reader of a text.
func open(t *testing.T, text string, o contactcsv.ReaderOptions) *contactcsv.Reader {
	t.Helper()
	r, err := contactcsv.NewReader(strings.NewReader(text), o)
	if err != nil {
		t.Fatalf("%.60q: %v", text, err)
	}
	return r
}

// read returns the rows of a reader, as "line: cell|cell", and its errors.
func read(r *contactcsv.Reader) (rows []string, errs []error) {
	for row, err := range r.Rows() {
		if err != nil {
			errs = append(errs, err)
		}
		if row != nil {
			rows = append(rows, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Cells, "|")))
		}
	}
	return rows, errs
}

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	data, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDialect: encoding, delimiter and header are found out, and it is said how sure they are.
func TestDialect(t *testing.T) {
	t.Parallel()
	const text = "Vorname;Nachname;E-Mail\r\nJörg;Müller;joerg@mueller.example\r\n"
	utf16le := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16be := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	const all = `, delimiter ";" (certain), header in line 1 (certain)`
	for _, tt := range []struct {
		name, text string
		o          contactcsv.ReaderOptions
		want       string
	}{
		{"UTF-8", text, contactcsv.ReaderOptions{}, "UTF-8 (certain)" + all},
		{"ASCII", strings.NewReplacer("ö", "o", "ü", "u").Replace(text), contactcsv.ReaderOptions{}, "UTF-8 (likely)" + all},
		{"BOM", "\ufeff" + text, contactcsv.ReaderOptions{}, "UTF-8 with BOM (certain)" + all},
		{"UTF-16LE", "\xff\xfe" + encoded(t, utf16le, text), contactcsv.ReaderOptions{}, "UTF-16LE with BOM (certain)" + all},
		{"UTF-16BE", "\xfe\xff" + encoded(t, utf16be, text), contactcsv.ReaderOptions{}, "UTF-16BE with BOM (certain)" + all},
		{"UTF-16LE without BOM", encoded(t, utf16le, text), contactcsv.ReaderOptions{}, "UTF-16LE (likely)" + all},
		{"UTF-16BE without BOM", encoded(t, utf16be, text), contactcsv.ReaderOptions{}, "UTF-16BE (likely)" + all},
		{"Windows-1252", encoded(t, charmap.Windows1252, text), contactcsv.ReaderOptions{}, "windows-1252 (likely)" + all},
		{"given", encoded(t, charmap.Macintosh, text), contactcsv.ReaderOptions{Encoding: "macintosh"}, "macintosh (given)" + all},
		{"comma", strings.ReplaceAll(text, ";", ","), contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter "," (certain), header in line 1 (certain)`},
		{"tab", strings.ReplaceAll(text, ";", "\t"), contactcsv.ReaderOptions{}, "UTF-8 (certain), delimiter tab (certain), header in line 1 (certain)"},
		{"vertical bar", strings.ReplaceAll(text, ";", "|"), contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter "|" (certain), header in line 1 (certain)`},
		{"given delimiter", strings.ReplaceAll(text, ";", "^"), contactcsv.ReaderOptions{Delimiter: '^'}, `UTF-8 (certain), delimiter "^" (given), header in line 1 (certain)`},
		{"sep=", "sep=;\r\n" + text, contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter ";" (certain), header in line 2 (certain)`},
		{"CR", strings.ReplaceAll(text, "\r\n", "\r"), contactcsv.ReaderOptions{}, "UTF-8 (certain)" + all},
		{"lines above", "Notes:\r\n\"About, \"\"e-mails\"\"\r\nand more\"\r\n\r\n" + text, contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter ";" (certain), header in line 5 (certain)`},
		{"a stray quote above", "Report \"A\r\n\"B\r\n" + text, contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter ";" (certain), header in line 3 (certain)`},
		{"given header line", "a;b;c\r\n" + text, contactcsv.ReaderOptions{HeaderLine: 2}, `UTF-8 (certain), delimiter ";" (certain), header in line 2 (given)`},
		{"no names known", "Имя;Почта\nАнна;\nИван;\n", contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter ";" (likely), header in line 1 (a guess)`},
		{"a comma in some cells", "Имя;Город, страна\nАнна;Рим\nИван;Осло, Норвегия\n", contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter ";" (likely), header in line 1 (a guess)`},
		{"sep= and no names known", "sep=|\nИмя|Почта\nАнна|\n", contactcsv.ReaderOptions{}, `UTF-8 (certain), delimiter "|" (certain), header in line 2 (a guess)`},
		{"one column", "email\nanna@example.com\n", contactcsv.ReaderOptions{}, `UTF-8 (likely), delimiter "," (likely), header in line 1 (likely)`},
		{"given header", "Anna;a@example.com\nBob;b@example.com\n", contactcsv.ReaderOptions{Header: []string{"first_name", "email"}}, `UTF-8 (likely), delimiter ";" (likely), no header row (given)`},
		{"names from a mapping", "Notes,a\nWho;Where\nAnna;Rome\n", contactcsv.ReaderOptions{Mapping: contactcsv.Mapping{"Who": "full_name", "where": "city"}}, `UTF-8 (likely), delimiter ";" (certain), header in line 2 (certain)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, tt.text, tt.o)
			if got := r.Dialect().String(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if rows, errs := read(r); len(rows) == 0 || len(errs) > 0 && r.Dialect().HeaderSure != contactcsv.Guess {
				t.Error(rows, errs)
			}
		})
	}
}

// TestRefused: what is not CSV, or cannot be read with certainty, is an error that says what to do.
func TestRefused(t *testing.T) {
	t.Parallel()
	const names = "first_name,email\n"
	for _, tt := range []struct {
		name, text string
		o          contactcsv.ReaderOptions
		want       string // a part of the error
	}{
		{"empty", "", contactcsv.ReaderOptions{}, "the file is empty"},
		{"blank", "\ufeff \r\n\r\n", contactcsv.ReaderOptions{}, "the file is empty"},
		{"xlsx", "PK\x03\x04\x14\x00", contactcsv.ReaderOptions{}, `save it as "CSV UTF-8"`},
		{"xls", "\xd0\xcf\x11\xe0\xa1\xb1", contactcsv.ReaderOptions{}, `save it as "CSV UTF-8"`},
		{"gzip", "\x1f\x8b\x08", contactcsv.ReaderOptions{}, "unpack it"},
		{"HTML", "\r\n<!DOCTYPE html><html><table>", contactcsv.ReaderOptions{}, "a web page"},
		{"XML", "\ufeff<?xml version=\"1.0\"?>", contactcsv.ReaderOptions{}, "HTML or XML"},
		{"JSON", `[{"email":"a@example.com"}]`, contactcsv.ReaderOptions{}, "the file is JSON"},
		{"vCard", "BEGIN:VCARD\r\nVERSION:3.0\r\n", contactcsv.ReaderOptions{}, "vCards"},
		{"UTF-32", "\xff\xfe\x00\x00e\x00\x00\x00", contactcsv.ReaderOptions{}, "UTF-32"},
		{"binary", strings.Repeat("\x01\x02ab", 100), contactcsv.ReaderOptions{}, "not a text"},
		{"Cyrillic", encoded(t, charmap.Windows1251, names+"Надежда,\nИван,\n"), contactcsv.ReaderOptions{}, "would be garbage. Set ReaderOptions.Encoding"},
		{"Polish", encoded(t, charmap.Windows1250, names+"Paweł,\nPawłowski,\nMałgorzata,\n"), contactcsv.ReaderOptions{}, "would be garbage"},
		{"DOS", encoded(t, charmap.CodePage850, names+"Jürgen,\nMärz,\n"), contactcsv.ReaderOptions{}, "would be garbage"},
		{"mixed", names + "Jörg,\nMüller,\nJos\xe9,\n", contactcsv.ReaderOptions{}, "line 4: the byte 0xE9 is not valid UTF-8, unlike most of the file"},
		{"no header", "Anna,anna@example.com\nBob,bob@example.com\n", contactcsv.ReaderOptions{}, "set ReaderOptions.Header to the names"},
		{"two headers", "Имя,Почта\nАнна,anna\nTitle,Email\n", contactcsv.ReaderOptions{}, "set ReaderOptions.HeaderLine"},
		{"no such line", names, contactcsv.ReaderOptions{HeaderLine: 3}, "no row begins in this line"},
		{"header and line", names, contactcsv.ReaderOptions{HeaderLine: 3, Header: []string{"a"}}, "exclude each other"},
		{"delimiter", names, contactcsv.ReaderOptions{Delimiter: '"'}, "cannot delimit"},
		{"encoding", names, contactcsv.ReaderOptions{Encoding: "klingon"}, `the encoding "klingon" is not known`},
		{"encoding and mark", "\ufeff" + names, contactcsv.ReaderOptions{Encoding: "windows-1252"}, "leave the option empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := contactcsv.NewReader(strings.NewReader(tt.text), tt.o)
			if file, ok := errors.AsType[*contactcsv.FileError](err); !ok || !strings.Contains(err.Error(), tt.want) || file.Reason == "" {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if !errors.Is(err, growthgenius.ErrInvalidInput) {
				t.Errorf("%v is not ErrInvalidInput", err)
			}
		})
	}
}

// TestRows: rows and their lines are those of the file, whatever is in their cells.
func TestRows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
		errs       string // of the last error
	}{
		{"plain", "first_name,email\nAnna,a@example.com\nBob,b@example.com", []string{"2: Anna|a@example.com", "3: Bob|b@example.com"}, ""},
		{"quoted", "first_name,city\n\"An\"\"na\",\"Rome, Italy\"\n \"Bob\" ,x\n", []string{"2: An\"na|Rome, Italy", "3: Bob|x"}, ""},
		{"line ends in cells", "first_name,city\r\n\"A\r\nB\nC\",x\r\nD,y\r\n", []string{"2: A\r\nB\nC|x", "5: D|y"}, ""},
		{"a quote within", "first_name\tcity\nDwayne \"The Rock\"\tRome\n", []string{"2: Dwayne \"The Rock\"|Rome"}, ""},
		{"empty rows", "first_name,city\n\n,\n , \nAnna,\n\n", []string{"5: Anna|"}, ""},
		{"CR", "first_name,city\rAnna,\"a\rb\"\r\rBob,x", []string{"2: Anna|a\rb", "5: Bob|x"}, ""},
		{"short", "first_name,city\nAnna\n", []string{"2: Anna"}, ""},
		{"long and empty", "first_name,city\nAnna,Rome,,\n", []string{"2: Anna|Rome||"}, ""},
		{"long", "first_name,city\nAnna,Rome,Italy\nBob,x\n", []string{"2: Anna|Rome|Italy", "3: Bob|x"}, "line 2: the row has 3 cells and the header 2: is a cell with a delimiter not quoted?"},
		{"text after the quote", "first_name,city\n\"An\"na,Rome\nBob,x\n", []string{"2: \"An\"na|Rome", "3: Bob|x"}, `line 2: column "first_name": it has text after its closing quote: a quote within a quoted cell must be doubled`},
		{"an open quote", "first_name,city\nAnna,Rome\nBob,\"x\nCid,y\n", []string{"2: Anna|Rome"}, "line 3: a quote that opens a cell in this line is not closed before the end of the file: close it, or double the quotes within the cell"},
		{"a zero byte", "first_name,city\nAn\x00na,Rome\nBob,x\n", []string{"2: An\x00na|Rome", "3: Bob|x"}, `line 2: column "first_name": it has a zero byte: the file is damaged`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rows, errs := read(open(t, tt.text, contactcsv.ReaderOptions{}))
			if diff := cmp.Diff(tt.want, rows); diff != "" {
				t.Error(diff)
			}
			got := ""
			if len(errs) > 0 {
				got = strings.TrimPrefix(errs[len(errs)-1].Error(), "contactcsv: ")
			}
			if got != tt.errs {
				t.Errorf("%s\nwant %s", got, tt.errs)
			}
			slow, err := contactcsv.NewReader(iotest.OneByteReader(strings.NewReader(tt.text)), contactcsv.ReaderOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := read(slow); !cmp.Equal(again, rows) {
				t.Errorf("by bytes: %q", again)
			}
		})
	}
}

const farRows = 3_000

// TestEncodingNames: an encoding may be given by any of its names.
func TestEncodingNames(t *testing.T) {
	t.Parallel()
	const text = "Vorname;Ort\nJörg;Köln\n"
	le, be := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	for _, tt := range []struct{ text, given, want string }{
		{text, "utf8", "UTF-8"},
		{encoded(t, le, text), "utf-16le", "UTF-16LE"},
		{encoded(t, be, text), "UTF_16BE", "UTF-16BE"},
		{encoded(t, le, text), "utf-16", "UTF-16LE"},
		{"\xfe\xff" + encoded(t, be, text), "UTF-16", "UTF-16BE"},
		{encoded(t, charmap.Windows1252, text), "latin1", "windows-1252"},
		{encoded(t, charmap.Windows1252, text), "CP1252", "windows-1252"},
		{encoded(t, charmap.CodePage850, text), "ibm850", "ibm850"},
	} {
		r := open(t, tt.text, contactcsv.ReaderOptions{Encoding: tt.given})
		rows, errs := read(r)
		if d := r.Dialect(); d.Encoding != tt.want || d.EncodingSure != contactcsv.Given || errs != nil || rows[0] != "2: Jörg|Köln" {
			t.Errorf("%s: %s, %q, %v", tt.given, d, rows, errs)
		}
	}
}

// TestSampleEnds: a character at the end of the sample is not taken for one that is cut short.
func TestSampleEnds(t *testing.T) {
	t.Parallel()
	const head = "first_name\n"
	for shift := range 4 {
		text := head + strings.Repeat("a", shift) + strings.Repeat("\n😀😀😀", 40_000)
		if got := open(t, text, contactcsv.ReaderOptions{}).Dialect(); got.Encoding != "UTF-8" || got.EncodingSure != contactcsv.Certain {
			t.Error(shift, got)
		}
	}
	if got := open(t, head+"x\xf0\x9f\x98", contactcsv.ReaderOptions{}).Dialect(); got.Encoding != "windows-1252" || got.EncodingSure != contactcsv.Guess {
		t.Error(got) // the end of the file
	}
	if got := contactcsv.Certainty(9).String(); got != "Certainty(9)" {
		t.Error(got)
	}
}

// TestDamagedHeader: a header that cannot be read is an error.
func TestDamagedHeader(t *testing.T) {
	t.Parallel()
	text, _ := far("")
	for text, want := range map[string]string{
		"email,ci\x00ty\na,b\n":              "line 1: the header has a zero byte",
		"\xff\xfe\x00\xd8a\x00":              "line 1: a character in this line is not valid UTF-16LE",
		"email,\"" + strings.Repeat(text, 5): "line 1: a quote that opens a cell in this line is not closed, and no header row",
		strings.Repeat("\n", 20) + "email\n": "no header row was found in the first 20 lines",
	} {
		if _, err := contactcsv.NewReader(strings.NewReader(text), contactcsv.ReaderOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// far returns a file whose sample is ASCII, and then the rest.
func far(rest string) (text string, line int) {
	head := "first_name,city\n" + strings.Repeat("Anna,"+strings.Repeat("Rome", 25)+"\n", farRows)
	return head + rest, strings.Count(head, "\n") + 1
}

// TestLateContradiction: bytes that do not fit what the beginning of the file is end the
// reading, with their line and the option to set. The rows before them are returned.
func TestLateContradiction(t *testing.T) {
	t.Parallel()
	text, line := far("\"J\nos\xe9\",x\nBob,y\n")
	rows, errs := read(open(t, text, contactcsv.ReaderOptions{}))
	want := fmt.Sprintf(`contactcsv: line %d: the byte 0xE9 is not valid UTF-8, unlike the text before it: `+
		`set ReaderOptions.Encoding, for example to "windows-1252", or save the whole file as UTF-8`, line+1)
	if len(rows) != farRows || len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("%d rows, %v, want %s", len(rows), errs, want)
	}
	if rows, errs := read(open(t, text, contactcsv.ReaderOptions{Encoding: "windows-1252"})); len(rows) != farRows+2 || errs != nil {
		t.Errorf("%d rows, %v", len(rows), errs)
	}

	text, line = far("Jos\x81,x\n")
	_, errs = read(open(t, text, contactcsv.ReaderOptions{Encoding: "windows-1252"}))
	if want := fmt.Sprintf("contactcsv: line %d: a character in this line is not valid windows-1252: ", line); len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
		t.Errorf("%v, want %s", errs, want)
	}

	utf16 := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	text, line = far("")
	text = "\xff\xfe" + encoded(t, utf16, text) + encoded(t, utf16, "\ufffd,x\n") + "\x00\xd8A\x00,\x00"
	_, errs = read(open(t, text, contactcsv.ReaderOptions{}))
	want = fmt.Sprintf("contactcsv: line %d: a character in this line is not valid UTF-16LE", line+1)
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), "replacement character") || !strings.HasPrefix(errs[1].Error(), want) {
		t.Errorf("%v, want %s", errs, want)
	}
}

// TestReadFails: the error of the file's reader is in the error, with the line.
func TestReadFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the cable is cut")
	text, line := far("")
	r, err := contactcsv.NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), contactcsv.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows, errs := read(r)
	if file, ok := errors.AsType[*contactcsv.FileError](errors.Join(errs...)); len(rows) != farRows || !errors.Is(errs[0], broken) || !ok || file.Line != line {
		t.Errorf("%d rows, %v", len(rows), errs)
	}
	_, err = contactcsv.NewReader(iotest.ErrReader(broken), contactcsv.ReaderOptions{})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestLongRow: a row over the limit ends the reading, and an unclosed quote does not read the
// whole file into memory.
func TestLongRow(t *testing.T) {
	t.Parallel()
	text := "first_name,city\nAnna,Rome\nBob,\"x\n" + strings.Repeat("Cid,y\n", 1<<18)
	for _, limit := range []int{0, 1000} {
		r := open(t, text, contactcsv.ReaderOptions{MaxRowBytes: limit})
		rows, errs := read(r)
		if len(rows) != 1 || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "contactcsv: line 3: a quote that opens a cell in this line is not closed, or the row is longer than") {
			t.Errorf("%d rows, %v", len(rows), errs)
		}
	}
	for _, size := range []int{5_000, 200_000} {
		rows, errs := read(open(t, "first_name,city\nAnna,"+strings.Repeat("x", size)+"\nBob,x\n", contactcsv.ReaderOptions{MaxRowBytes: 1000}))
		if len(rows) != 0 || len(errs) != 1 || errs[0].Error() != "contactcsv: line 2: the row is longer than 1000 bytes: set ReaderOptions.MaxRowBytes" {
			t.Errorf("%d rows, %v", len(rows), errs)
		}
	}
}

// TestAgain: a loop that ended goes on with the next row.
func TestAgain(t *testing.T) {
	t.Parallel()
	r := open(t, "first_name\nA\nB\nC\n", contactcsv.ReaderOptions{})
	for row := range r.Rows() {
		if row.Line != 2 {
			t.Error(row.Line)
		}
		break
	}
	if rows, _ := read(r); len(rows) != 2 {
		t.Error(rows)
	}
	if rows, errs := read(r); rows != nil || errs != nil {
		t.Error(rows, errs)
	}
}

// TestSampleIsBounded: NewReader reads no more of the file than it needs.
func TestSampleIsBounded(t *testing.T) {
	t.Parallel()
	text, _ := far("")
	from := strings.NewReader(strings.Repeat(text, 10))
	if _, err := contactcsv.NewReader(from, contactcsv.ReaderOptions{}); err != nil {
		t.Fatal(err)
	}
	if read := from.Size() - int64(from.Len()); read > 1<<20 {
		t.Errorf("%d bytes", read)
	}
	var nothing bytes.Buffer
	if _, err := contactcsv.NewReader(&nothing, contactcsv.ReaderOptions{}); err == nil {
		t.Error("an empty file")
	}
}

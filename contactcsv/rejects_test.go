package contactcsv_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/contactcsv"
)

// reject returns the rejects file with all rows of a reader. Rows without an error are
// rejected with reason.
func reject(t interface{ Fatal(...any) }, r *contactcsv.Reader, reason error) string {
	var b bytes.Buffer
	rejects := contactcsv.NewRejects(&b, r)
	n := 0
	for row, err := range r.Rows() {
		if err == nil {
			err = reason
		}
		if err := rejects.Write(row, err); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if rejects.Count() != n {
		t.Fatal(rejects.Count(), n)
	}
	return b.String()
}

// TestRejects: a rejects file has the columns, the delimiter, the line ends and the encoding of
// its input, and it can be mended and read again.
func TestRejects(t *testing.T) {
	t.Parallel()
	text := encoded(t, charmap.Windows1252, "Export vom 1. Mai\r\nVorname;\"Nach\"\"name\";E-Mail;Notiz\r\n"+
		"Jörg;Müller;n/a;\"a;b\r\n=1+1\"\r\nAnna;Weiß;anna@example.com\r\n\"Bo\"b;x;bob@example.com;;zuviel\r\n")
	r := open(t, text, contactcsv.ReaderOptions{})
	got := reject(t, r, errors.New("=die Adresse „x“ ist €\n\x00Привет"))
	want := encoded(t, charmap.Windows1252, "_line;_field;_error;Vorname;\"Nach\"\"name\";E-Mail;Notiz\r\n"+
		"3;email;\"column \"\"E-Mail\"\": it is not a valid e-mail address: it should look like \"\"elon@tesla.com\"\"\";Jörg;Müller;n/a;\"a;b\r\n=1+1\"\r\n"+
		"5;;'=die Adresse „x“ ist € \\u041f\\u0440\\u0438\\u0432\\u0435\\u0442;Anna;Weiß;anna@example.com\r\n"+
		"6;Vorname;\"the row has 5 cells and the header 4: is a cell with a delimiter not quoted?; column \"\"Vorname\"\": it has text after its closing quote: "+
		"a quote within a quoted cell must be doubled\";\"Bo\"b;x;bob@example.com;;zuviel\r\n")
	if got != want {
		t.Fatalf("%q\nwant %q", got, want)
	}

	mended := strings.NewReplacer("n/a", "joerg@example.com", "\"Bo\"b", "Bob", ";;zuviel", "").Replace(got)
	r = open(t, mended, contactcsv.ReaderOptions{})
	if got, want := targets(r), `Vorname=first_name Nach"name=last_name E-Mail=email Notiz=`; got != want {
		t.Error(got)
	}
	var lines []string
	for row, err := range r.Rows() {
		lines = append(lines, fmt.Sprint(row.Line, " from ", row.Origin, " ", row.Cells[0], " ", err))
	}
	if got, want := strings.Join(lines, ", "), "2 from 3 Jörg <nil>, 4 from 5 Anna <nil>, 5 from 6 Bob <nil>"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRejectsMoved: the special columns may be anywhere, and the numbers of lines may be gone.
func TestRejectsMoved(t *testing.T) {
	t.Parallel()
	r := open(t, "Email,_error,First name,_line,_field\na@example.com,x,\"A, B\",7,\nb@example.com,\"x\"y,B,-1,\nc@example.com,x,\"C\"c,,\n", contactcsv.ReaderOptions{})
	if got, want := targets(r), "Email=email First name=first_name"; got != want {
		t.Error(got)
	}
	got := reject(t, r, nil)
	const want = "_line,_field,_error,Email,First name\n7,,,a@example.com,\"A, B\"\n3,,,b@example.com,B\n" +
		"4,First name,\"column \"\"First name\"\": it has text after its closing quote: a quote within a quoted cell must be doubled\",c@example.com,\"\"\"C\"\"c\"\n"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestRejectsOptions: the options for the input are right for its rejects, too.
func TestRejectsOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		o    contactcsv.ReaderOptions
	}{
		{"a^b\nx^y\n", contactcsv.ReaderOptions{Delimiter: '^', HeaderLine: 1, Mapping: contactcsv.Mapping{"a": "city", "#2": "title"}}},
		{"made by a program\n\nCity,Email\nx,y@example.com\n", contactcsv.ReaderOptions{HeaderLine: 3}},
		{"Anna,a@example.com\n", contactcsv.ReaderOptions{Header: []string{"full, name", "email"}, Mapping: contactcsv.Mapping{"full, name": "full_name"}}},
	} {
		var before, after []*contactcsv.Row
		r := open(t, tt.text, tt.o)
		for row, err := range r.Rows() {
			if err != nil {
				t.Error(err)
			}
			before = append(before, row)
		}
		text := reject(t, open(t, tt.text, tt.o), nil)
		for row, err := range open(t, text, tt.o).Rows() {
			if err != nil {
				t.Error(err)
			}
			after = append(after, row)
		}
		if len(before) != 1 || len(after) != 1 || !reflect.DeepEqual(before[0].Input, after[0].Input) || before[0].Origin != after[0].Origin {
			t.Errorf("%q: %+v, %+v", text, before, after)
		}
	}
}

// TestRejectsErrors: what an error of the API names, rows of another file, and a writer that
// fails.
func TestRejectsErrors(t *testing.T) {
	t.Parallel()
	r := open(t, "City\nRome\n", contactcsv.ReaderOptions{})
	var b bytes.Buffer
	rejects := contactcsv.NewRejects(&b, r)
	for row := range r.Rows() {
		err := rejects.Write(row, &growthgenius.APIError{StatusCode: 422, Fields: map[string][]string{"title": {"is odd"}, "city": {"is far"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := rejects.Write(row, errors.New(strings.Repeat("é", 5000))); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[1], "2,city; title,") || len(lines[2]) > 2100 || !strings.HasSuffix(lines[2], "é...,Rome") {
		t.Errorf("%q", lines)
	}

	for row := range open(t, "City\nRome\n", contactcsv.ReaderOptions{}).Rows() {
		if err := rejects.Write(row, nil); !errors.Is(err, growthgenius.ErrInvalidInput) {
			t.Error(err)
		}
	}
	if err := rejects.Write(nil, nil); !errors.Is(err, growthgenius.ErrInvalidInput) {
		t.Error(err)
	}

	r = open(t, "City\nRome\nParis\n", contactcsv.ReaderOptions{})
	pipe, to := io.Pipe()
	full := errors.New("the disk is full")
	_ = pipe.CloseWithError(full)
	rejects = contactcsv.NewRejects(to, r)
	for row := range r.Rows() {
		if err := rejects.Write(row, nil); !errors.Is(err, full) {
			t.Error(err)
		}
	}
	if rejects.Count() != 0 {
		t.Error(rejects.Count())
	}
}

// TestRejectsConcurrently: goroutines may share a writer.
func TestRejectsConcurrently(t *testing.T) {
	t.Parallel()
	r := open(t, "City\n"+strings.Repeat("Rome\n", 100), contactcsv.ReaderOptions{})
	var b bytes.Buffer
	rejects := contactcsv.NewRejects(&b, r)
	var all sync.WaitGroup
	for row := range r.Rows() {
		all.Go(func() {
			if err := rejects.Write(row, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, _ := read(open(t, b.String(), contactcsv.ReaderOptions{})); len(got) != 100 {
		t.Error(len(got))
	}
}

// A file is what a property is about.
type file struct {
	text      string
	options   contactcsv.ReaderOptions
	encodings encoding.Encoding
}

// drawFile draws a file in any dialect.
func drawFile(t *rapid.T) file {
	var f file
	mark, letters := "", []rune("aZ0 \t,;|\"\r\n'=+-@éßÃ©ÿ")
	wide := slices.Concat(letters, []rune{'Ж', '日', '😀', '\ufffd', '\ufeff', 0})
	switch rapid.SampledFrom([]string{"UTF-8", "UTF-8 BOM", "LE", "LE BOM", "BE", "BE BOM", "1252", "macintosh"}).Draw(t, "encoding") {
	case "UTF-8":
		letters = wide
	case "UTF-8 BOM":
		letters, mark = wide, "\xef\xbb\xbf"
	case "LE":
		letters, f.encodings = wide, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "LE BOM":
		letters, mark, f.encodings = wide, "\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "BE":
		letters, f.encodings = wide, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "BE BOM":
		letters, mark, f.encodings = wide, "\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "1252": // texts at random do not look like it
		f.encodings, f.options.Encoding = charmap.Windows1252, "windows-1252"
	case "macintosh":
		letters, f.encodings, f.options.Encoding = []rune("aZ ,;\"\r\n=é∞"), charmap.Macintosh, "macintosh"
	}
	delimiter := rapid.SampledFrom([]string{",", ";", "\t", "|"}).Draw(t, "delimiter")
	end := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "line end")
	header := []string{"first_name", "E-Mail", "Phone", "city", "", "city", "note"}
	text := rapid.SampledFrom([]string{"", "Notes:" + end + end, "sep=" + delimiter + end}).Draw(t, "above") + strings.Join(header, delimiter) + end
	cell := rapid.OneOf(
		rapid.SampledFrom([]string{"", "", "a@example.com", "n/a", "1E+12", "=cmd|' /C calc'!A0", "x"}),
		rapid.StringOf(rapid.SampledFrom(letters)),
	)
	for range rapid.IntRange(0, 6).Draw(t, "rows") {
		var cells []string
		for range rapid.IntRange(1, len(header)+2).Draw(t, "cells") {
			c := cell.Draw(t, "cell")
			if strings.ContainsAny(c, "\"\r\n \t"+delimiter) || rapid.Bool().Draw(t, "quoted") {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"` + rapid.SampledFrom([]string{"", "", "", "", " ", "x"}).Draw(t, "after")
			}
			cells = append(cells, c)
		}
		text += strings.Join(cells, delimiter) + end
	}
	if rapid.Bool().Draw(t, "no last line end") {
		text = strings.TrimSuffix(text, end)
	}
	if f.encodings != nil {
		var err error
		if text, err = f.encodings.NewEncoder().String(text); err != nil {
			t.Fatal(err)
		}
	}
	f.text = mark + text
	return f
}

// TestRejectsRoundTrip: the rows of a file, all rejected and read again, are the same rows.
func TestRejectsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		all := func(text string) (rows []string, dialect contactcsv.Dialect, rejects string) {
			r, err := contactcsv.NewReader(strings.NewReader(text), f.options)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			for row, err := range r.Rows() {
				bad, ok := errors.AsType[*contactcsv.RowError](err)
				if err != nil && !ok {
					t.Fatalf("%q: %v", text, err)
				}
				if !ok {
					bad = &contactcsv.RowError{}
				}
				rows = append(rows, fmt.Sprintf("line %d: %q %+v, %+v", row.Origin, row.Cells, row.Input, bad.Problems))
			}
			if r, err = contactcsv.NewReader(strings.NewReader(text), f.options); err != nil {
				t.Fatal(err)
			}
			return rows, r.Dialect(), reject(t, r, errors.New("=no, „really“"))
		}
		before, dialect, rejects := all(f.text)
		if len(before) == 0 {
			return
		}
		after, dialect2, again := all(rejects)
		if !slices.Equal(before, after) {
			t.Fatalf("%q\n%s\nas %q\n%s", f.text, before, rejects, after)
		}
		if again != rejects {
			t.Fatalf("%q\nagain %q", rejects, again)
		}
		dialect.HeaderLine, dialect.HeaderSure, dialect.EncodingSure, dialect.DelimiterSure = 1, dialect2.HeaderSure, dialect2.EncodingSure, dialect2.DelimiterSure
		if dialect != dialect2 {
			t.Fatalf("%+v, %+v", dialect, dialect2)
		}
	})
}

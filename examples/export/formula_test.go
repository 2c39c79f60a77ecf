package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/growthgenius/growthgenius-go"
)

// TestNoCellStartsAFormula reads what the program writes as a spreadsheet may: split at
// any separator, with quotes and without.
func TestNoCellStartsAFormula(t *testing.T) {
	t.Parallel()
	names := []string{
		"x;=1+2", "x,=1+2", "x\t=1+2", "x|=1+2", "x\n=1+2", "x\r=1+2", "x\r\n=1+2", `x;"=1+2"`, `"x";""=1+2`, "x; =1+2", "x;\u200b=1+2",
		"x;\u00a0+1", "x;\t-1", "x;\r@A1", ";;=1", `";"=1`, "x;\n\n=1", `"` + "\n" + `=1`, " =1", "\ufeff=1", "\x00=1", "x;＝1", "=1;=1",
	}
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("=+-@\t\r\n＝＋－＠,;|\"' x1\u200b\u00a0")
	for range 5_000 {
		name := make([]rune, random.IntN(9))
		for i := range name {
			name[i] = alphabet[random.IntN(len(alphabet))]
		}
		names = append(names, string(name))
	}
	for format, newWriter := range map[string]func(io.Writer) writer{"csv": newCSV, "-excel": newExcel} {
		for _, name := range names {
			text := written(t, newWriter, &growthgenius.Contact{ID: "1", FullName: name, Email: name, Title: name})
			for separator := range strings.SplitSeq(", ; \t |", " ") {
				for _, cell := range slices.Concat(split(text, separator, true), split(text, separator, false), lazily(t, text, separator)) {
					if startsFormula(cell) {
						t.Fatalf("%s: split at %q, %q has the cell %q", format, separator, text, cell)
					}
				}
			}
		}
	}
}

func written(t *testing.T, newWriter func(io.Writer) writer, contacts ...*growthgenius.Contact) string {
	t.Helper()
	var out bytes.Buffer
	w := newWriter(&out)
	for _, c := range contacts {
		if err := w.write(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// startsFormula includes cells that start one if a spreadsheet trims them, or drops the
// characters that cannot be seen.
func startsFormula(cell string) bool {
	trimmed := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) })
	return strings.IndexAny(trimmed, "=+-@＝＋－＠") == 0 || strings.IndexAny(cell, "\t\r") == 0
}

// split splits a text into cells as Excel does, whose quotes count only where a cell
// begins. Without quotes it splits at all separators.
func split(text, separator string, quotes bool) (cells []string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var cell strings.Builder
	inQuotes, begins := false, true
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"' && (begins || inQuotes):
			if inQuotes && i+1 < len(text) && text[i+1] == '"' {
				cell.WriteByte('"')
				i++
			} else {
				inQuotes = !inQuotes && quotes
			}
			begins = false
		case !inQuotes && (c == separator[0] || c == '\n' || c == '\r'):
			cells = append(cells, cell.String())
			cell.Reset()
			begins = true
		default:
			cell.WriteByte(c)
			begins = false
		}
	}
	return append(cells, cell.String())
}

func lazily(t *testing.T, text, separator string) []string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(separator[0]), true, -1
	records, err := r.ReadAll()
	if err != nil && !errors.Is(err, csv.ErrQuote) {
		t.Fatal(err)
	}
	return slices.Concat(records...)
}

// TestOrdinaryTextsStayAsTheyAre has texts that contain what could start a formula.
func TestOrdinaryTextsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "Ada", "O'Brien", "Jean-Luc", "Analyst, Engines", "Sales; Marketing", "CTO @ Acme", "R&D - Europe", "a=b", "C++; C#", `"Bob" Smith`,
		"first line\nsecond line", "first line\r\n\r\nthird line", "ada@example.com", "https://example.com/?a=1&b=2", "Straße 1, 50% +", "A|B",
	} {
		if got := inert(text); got != text {
			t.Errorf("inert(%q) = %q", text, got)
		}
	}
	phones := written(t, newCSV, &growthgenius.Contact{MobilePhone: "+1 206 555 0100", WorkPhone: "+49 30 555 0101"})
	if want := "\n,,,'+49 30 555 0101 / +1 206 555 0100,,,,,,\n"; !strings.HasSuffix(phones, want) {
		t.Errorf("got %q, want %q", phones, want)
	}
}

// TestExcel compares whole bytes.
func TestExcel(t *testing.T) {
	t.Parallel()
	_, env := serve(t)
	stdout, stderr, code := runProgram(t, env, "-excel", "-stage", "none")
	want := "\uFEFFid;full_name;email;phones;title;company_name;website;country;stage;updated_at\r\n"
	if code != 0 || stderr != "0 of 300 contacts\n" || stdout != want {
		t.Fatalf("exit %d: %s%q", code, stderr, stdout)
	}
	got := written(t, newExcel, &growthgenius.Contact{
		ID: "1", FullName: "Ünïcode", Email: "a\rb", Title: "one\ntwo", CompanyName: "a;b, c", Country: "x,=1",
	})
	want += "1;Ünïcode;\"a\rb\";;\"one\ntwo\";\"a;b, c\";;x,'=1;;\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

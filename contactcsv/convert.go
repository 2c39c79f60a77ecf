package contactcsv

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/match"
)

// maxText is the longest text of a field: what a cell of Excel can hold, in UTF-8.
const maxText = 128 << 10

// plan is how cells become the fields of a contact.
type plan struct {
	columns []Column
	sources []source
	phones  []labeled
	clears  bool
	damaged bool
}

// source is a field or a key of Extra, and the columns that it comes from, the best first.
type source struct {
	target  string
	field   field // its name is "" if the target is a key of Extra
	columns []int
}

// labeled is a phone number, and the label that says which it is.
type labeled struct{ value, label int }

func newPlan(columns []Column, o ReaderOptions) plan {
	p := plan{columns: columns, clears: o.EmptyClears, damaged: o.KeepDamaged}
	at, labels := map[string]int{}, map[string]int{}
	for i, c := range columns {
		switch c.Target {
		case "", Ignore, phoneTarget:
			continue
		case labelTarget:
			for _, suffix := range []string{"label", "type"} {
				if n, ok := numberedPhone(key(c.Name), suffix); ok {
					labels[n] = i
				}
			}
			continue
		}
		n, ok := at[c.Target]
		if !ok {
			n = len(p.sources)
			at[c.Target] = n
			p.sources = append(p.sources, source{target: c.Target, field: fields[c.Target]})
		}
		p.sources[n].columns = append(p.sources[n].columns, i)
	}
	for _, s := range p.sources {
		slices.SortStableFunc(s.columns, func(a, b int) int { return cmp.Compare(columns[a].rank, columns[b].rank) })
	}
	for i, c := range columns {
		if n, ok := numberedPhone(key(c.Name), "value"); ok && c.Target == phoneTarget {
			label, ok := labels[n]
			if !ok { // it is mapped to something else
				label = len(columns)
			}
			p.phones = append(p.phones, labeled{i, label})
		}
	}
	return p
}

// convert sets the fields of a contact to the cells of a row. It notes in used which cells are in
// it, if used is not nil.
func (p *plan) convert(input *growthgenius.ContactInput, cells []string, used []bool) []Problem {
	c := conversion{plan: p, cells: cells, used: used, input: input, fields: reflect.ValueOf(input).Elem()}
	for i := range p.sources {
		c.source(&p.sources[i])
	}
	for _, phone := range p.phones {
		c.phone(phone)
	}
	if c.set == 0 && c.problems == nil {
		c.problems = append(c.problems, Problem{Reason: "no column that is mapped to a field has a value"})
	}
	return c.problems
}

// conversion is that of one row.
type conversion struct {
	plan     *plan
	cells    []string
	used     []bool
	input    *growthgenius.ContactInput
	fields   reflect.Value // of input
	set      int
	problems []Problem
}

// text returns what counts of a cell, and whether the row has it.
func (c *conversion) text(i int) (string, bool) {
	if i >= len(c.cells) {
		return "", false
	}
	return strings.TrimSpace(c.cells[i]), true
}

// source sets a field to the first of its columns that is not empty.
func (c *conversion) source(s *source) {
	value, from, present := "", -1, true
	for _, i := range s.columns {
		text, ok := c.text(i)
		present = present && ok
		switch {
		case text == "":
		case from < 0:
			value, from = text, i
			c.use(i)
		case text == value:
			c.use(i)
		case c.plan.columns[i].rank == c.plan.columns[from].rank:
			c.problem(i, s.target, fmt.Sprintf("it has another value than column %q (#%d): map one of them to another field, or ignore it",
				c.plan.columns[from].String(), from+1))
			return
		}
	}
	if from < 0 {
		if c.plan.clears && present {
			c.clear(s)
		}
		return
	}
	value, err := c.plan.clean(s.target, value)
	if err == nil {
		err = c.put(s, value)
	}
	if err != nil {
		c.problem(from, s.target, err.Error())
		return
	}
	c.set++
}

func (c *conversion) use(i int) {
	if c.used != nil {
		c.used[i] = true
	}
}

func (c *conversion) problem(i int, target, reason string) {
	c.problems = append(c.problems, Problem{Column: c.plan.columns[i].String(), Field: target, Reason: reason})
}

// optional returns a pointer to a field of the contact.
func (c *conversion) optional(f field) any {
	return c.fields.Field(f.index).Addr().Interface()
}

// put sets a field, or a key of Extra.
func (c *conversion) put(s *source, value string) error {
	if s.field.name == "" {
		c.extra()[strings.TrimPrefix(s.target, ExtraPrefix)] = value
		return nil
	}
	switch o := c.optional(s.field).(type) {
	case *growthgenius.Optional[string]:
		*o = growthgenius.Set(value)
	case *growthgenius.Optional[growthgenius.ID]:
		*o = growthgenius.Set(growthgenius.ID(value))
	case *growthgenius.Optional[int]:
		n, err := strconv.Atoi(value)
		if errors.Is(err, strconv.ErrRange) {
			return errors.New("the number is too large")
		}
		if err != nil {
			return errors.New("it is not a whole number")
		}
		*o = growthgenius.Set(n)
	case *growthgenius.Optional[json.RawMessage]:
		if !json.Valid([]byte(value)) {
			return errors.New(`it is not JSON, such as ["a", "b"]`)
		}
		*o = growthgenius.Set(json.RawMessage(value))
	}
	return nil
}

// clear sets a field to null.
func (c *conversion) clear(s *source) {
	if s.field.name == "" {
		c.extra()[strings.TrimPrefix(s.target, ExtraPrefix)] = nil
		return
	}
	switch o := c.optional(s.field).(type) {
	case *growthgenius.Optional[string]:
		*o = growthgenius.Null[string]()
	case *growthgenius.Optional[growthgenius.ID]:
		*o = growthgenius.Null[growthgenius.ID]()
	case *growthgenius.Optional[int]:
		*o = growthgenius.Null[int]()
	case *growthgenius.Optional[json.RawMessage]:
		*o = growthgenius.Null[json.RawMessage]()
	}
}

func (c *conversion) extra() map[string]any {
	if c.input.Extra == nil {
		c.input.Extra = map[string]any{}
	}
	return c.input.Extra
}

// several is what Google writes between the values of a cell that has several.
const several = " ::: "

// phone sets the field that the label of a phone number means. If it has a value already,
// it sets the first of first_phone and other_phone that has none.
func (c *conversion) phone(p labeled) {
	value, _ := c.text(p.value)
	if value == "" {
		return
	}
	label, _ := c.text(p.label)
	target := labeledPhone(label)
	if target == "" {
		return
	}
	all := true
	for text := range strings.SplitSeq(value, several) {
		text, err := c.plan.clean(target, strings.TrimSpace(text))
		if err != nil {
			c.problem(p.value, target, err.Error())
			return
		}
		all = c.placePhone(text, target) && all
	}
	if all {
		c.use(p.value)
		if label != "" {
			c.use(p.label)
		}
	}
}

func (c *conversion) placePhone(text, target string) bool {
	for _, name := range []string{target, "first_phone", "other_phone"} {
		//nolint:forcetypeassert // phone numbers are texts
		if o := c.optional(fields[name]).(*growthgenius.Optional[string]); o.IsZero() {
			*o = growthgenius.Set(text)
			c.set++
			return true
		}
	}
	return false
}

// labeledPhone returns the field of a phone number with a label, or "" if it is not a phone.
func labeledPhone(label string) string {
	if label == "" {
		return "first_phone"
	}
	label = strings.ToLower(label)
	for _, known := range []struct{ word, field string }{
		{"fax", ""}, {"pager", ""},
		{"mobil", "mobile_phone"}, {"cell", "mobile_phone"}, {"handy", "mobile_phone"},
		{"work", "work_phone"}, {"arbeit", "work_phone"}, {"home", "home_phone"}, {"privat", "home_phone"},
		{"main", "first_phone"},
	} {
		if strings.Contains(label, known.word) {
			return known.field
		}
	}
	return "other_phone"
}

var (
	sheetError  = regexp.MustCompile(`^#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)$`)
	sheetNumber = regexp.MustCompile(`^\d+([.,]\d+)?E\+\d+$`)
)

// clean returns a value as it is sent, or an error that says what is wrong with it.
func (p *plan) clean(target, value string) (string, error) {
	if len(value) > maxText {
		return "", fmt.Errorf("the text has %d bytes: the limit is %d", len(value), maxText)
	}
	if strings.IndexByte(value, 0) >= 0 {
		return "", errors.New("it has a zero byte: the file is damaged")
	}
	isPhone := strings.HasSuffix(target, "_phone")
	if isPhone {
		value = plainPhone(value)
	}
	if !p.damaged {
		if err := damage(value); err != nil {
			return "", err
		}
		if isPhone && sheetNumber.MatchString(value) {
			return "", errors.New("a spreadsheet has rounded the number: format the column as text, and enter it again")
		}
	}
	switch target {
	case "email":
		value, _, _ = strings.Cut(value, several)
		if err := match.CheckAddress(value); err != nil {
			return "", fmt.Errorf("it is not a valid e-mail address: %w", err)
		}
	case "linkedin_url", "company_linkedin_url":
		host, _, _ := strings.Cut(strings.ToLower(value), "/")
		if host == "linkedin.com" || strings.HasSuffix(host, ".linkedin.com") {
			value = "https://" + value
		}
	}
	return value, nil
}

// plainPhone removes what keeps spreadsheets from taking a number for a formula: Apollo writes
// '+49 30 1234567, others ="0301234567".
func plainPhone(value string) string {
	if inner, ok := strings.CutPrefix(value, `="`); ok && strings.HasSuffix(inner, `"`) {
		return strings.TrimSuffix(inner, `"`)
	}
	return strings.TrimPrefix(value, "'")
}

// damage returns an error if a text was damaged before it got here.
func damage(value string) error {
	if strings.HasPrefix(value, "#") && sheetError.MatchString(value) {
		return errors.New("it is an error value of a spreadsheet")
	}
	high := 0
	for high < len(value) && value[high] < utf8.RuneSelf {
		high++
	}
	if high == len(value) {
		return nil
	}
	if strings.ContainsRune(value, utf8.RuneError) {
		return errors.New("it has a replacement character: the text was damaged when the file was written")
	}
	if !mayBeMisread(value[high:]) {
		return nil
	}
	if before, err := charmap.Windows1252.NewEncoder().String(value); err == nil && utf8.ValidString(before) {
		return errors.New("it is UTF-8 that was read as Windows-1252 when the file was written: export the file again as UTF-8")
	}
	return nil
}

// mayBeMisread reports whether a text has two characters, as which Windows-1252 shows the first
// bytes of a character of UTF-8.
func mayBeMisread(text string) bool {
	first := false
	for _, c := range text {
		if first && c >= utf8.RuneSelf {
			return true
		}
		first = 0xc2 <= c && c <= 0xf4
	}
	return false
}

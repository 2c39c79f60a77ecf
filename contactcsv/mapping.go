package contactcsv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/growthgenius/growthgenius-go"
)

// Mapping says what becomes of columns, by their names. It comes before what is known of the
// names. A target is
//
//   - the JSON name of a field of [growthgenius.ContactInput], such as "mobile_phone" or
//     "custom1";
//   - [Ignore], if the column is not to be imported;
//   - [ExtraPrefix] and a key of [growthgenius.ContactInput].Extra.
//
// Names are compared without case, blanks and punctuation. "#3" is the third column, for
// columns without a name or with the same. If the mapping names a field, no other column is
// mapped to that field by its name.
//
// Its JSON is an object: {"Handy privat": "mobile_phone", "Score": "custom1", "#9": "ignore"}.
type Mapping map[string]string

// ParseMapping reads a mapping file. A target that does not exist and a column that is named
// twice are errors.
func ParseMapping(data []byte) (Mapping, error) {
	m := Mapping{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return nil, mappingError("it is not a JSON object such as {\"Score\": \"custom1\"}")
	}
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, mappingError(err.Error())
		}
		var target string
		if err := decoder.Decode(&target); err != nil {
			return nil, mappingError(fmt.Sprintf("the target of %q: %v", name, err))
		}
		column := name.(string) //nolint:forcetypeassert // the key of an object is a string
		if seen[mappingKey(column)] {
			return nil, mappingError(fmt.Sprintf("the column %q is in it twice", column))
		}
		seen[mappingKey(column)] = true
		m[column] = target
	}
	if _, err := decoder.Token(); err != nil {
		return nil, mappingError(err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, mappingError("it has more after its object")
	}
	return m, m.check()
}

func mappingError(reason string) error {
	return fmt.Errorf("contactcsv: %w: the mapping is not valid: %s", growthgenius.ErrInvalidInput, reason)
}

// mappingKey returns what counts of a name in a mapping.
func mappingKey(name string) string {
	if _, ok := position(name); ok {
		return name
	}
	if k := key(name); k != "" {
		return k
	}
	return name
}

// position returns the number of the column that a name such as "#3" means.
func position(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "#")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0
}

// check returns an error if a target does not exist.
func (m Mapping) check() error {
	for _, column := range slices.Sorted(maps.Keys(m)) {
		target := m[column]
		if _, ok := fields[target]; ok || target == Ignore {
			continue
		}
		if extra, ok := strings.CutPrefix(target, ExtraPrefix); ok && extra != "" {
			if _, known := fields[extra]; !known && extra != "contact_account" {
				continue
			}
		}
		hint := ""
		if r, ok := ranks[key(target)]; ok {
			hint = fmt.Sprintf(" (did you mean %q?)", r.field)
		}
		return mappingError(fmt.Sprintf("column %q: %q is not a field of a contact, %q or %q and a key%s",
			column, target, Ignore, ExtraPrefix, hint))
	}
	return nil
}

// Column is a column of a file.
type Column struct {
	Number int    // From 1.
	Name   string // As it is in the header.

	// Target is what the column is mapped to, as in a [Mapping]; "" if it is unmapped. Besides,
	// it is "phone" if a label in another column says which phone number it is, and "label" for
	// that column.
	Target string

	rank int
}

// String returns the name of the column, or its number such as "#3" if it has none.
func (c Column) String() string {
	if strings.TrimSpace(c.Name) == "" {
		return "#" + strconv.Itoa(c.Number)
	}
	return c.Name
}

// mapColumns returns the columns of a file with a header.
func mapColumns(header []string, m Mapping) ([]Column, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	given, taken := map[string]string{}, map[string]bool{}
	for name, target := range m {
		given[mappingKey(name)] = target
		taken[target] = true
	}
	keys := map[string]bool{}
	for _, name := range header {
		keys[key(name)] = true
	}
	columns, used := make([]Column, len(header)), map[string]bool{}
	for i, name := range header {
		c := Column{Number: i + 1, Name: name}
		for _, k := range []string{"#" + strconv.Itoa(c.Number), mappingKey(strings.TrimSpace(name))} {
			if target, ok := given[k]; ok && c.Target == "" {
				c.Target = target
				used[k] = true
			}
		}
		if c.Target == "" {
			if r := automatic(strings.TrimSpace(name), keys); !taken[r.field] {
				c.Target, c.rank = r.field, r.rank
			}
		}
		columns[i] = c
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !used[mappingKey(name)] {
			return nil, mappingError(fmt.Sprintf("the file has no column %q; it has %q", name, header))
		}
	}
	return columns, nil
}

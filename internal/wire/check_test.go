package wire_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, typ := range recordTypes {
		if err := wire.Check(typ); err != nil {
			t.Error(err)
		}
	}
}

// methods has the methods that a record needs.
type methods struct{}

func (methods) MarshalJSON() ([]byte, error) { return nil, nil }
func (*methods) UnmarshalJSON([]byte) error  { return nil }

type (
	bare struct {
		Name  string `json:"name,omitzero"`
		Extra extra  `json:",embed,unknown"`
	}
	noExtra struct {
		methods
		Name string `json:"name,omitzero"`
	}
	// wrong has nothing right but its methods and its name.
	wrong struct {
		methods  `json:"methods,omitzero"`
		Name     string    `json:"name,omitzero"`
		Kept     string    `json:"kept"`
		Nameless string    `json:",omitzero"`
		Hidden   string    `json:"-"`
		Token    token     `json:"token,omitzero"`
		Tokens   []*token  `json:"tokens,omitzero"`
		At       time.Time `json:"at,omitzero"`
		Bare     *bare     `json:"bare,omitzero"`
		Bares    []bare    `json:"bares,omitzero"`
		Any      struct{}  `json:"any,omitzero"`
		ID       wire.ID   `json:"id,omitzero"`
		Extra    extra     `json:"extra,omitzero"`
	}
	token  string
	traits struct {
		methods `json:"-"`
		Name    string `json:"name,omitzero"`
		Extra   extra  `json:",embed,unknown"`
	}
)

func (*token) UnmarshalJSON([]byte) error { return nil }

var _ = wire.Describe(wire.Traits[traits]{Wrapper: "name", Alias: map[string]string{"name": "name", "nmae": "other", "x": ""}})

// TestCheckFinds everything that this package would trip over.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ  reflect.Type
		want []string
	}{
		{reflect.TypeFor[bare](), []string{"*wire_test.bare has no UnmarshalJSON", "wire_test.bare has no MarshalJSON"}},
		{reflect.TypeFor[noExtra](), []string{"wire_test.noExtra is not a struct with a field Extra of type map[string]json.RawMessage"}},
		{reflect.TypeFor[Row](), []string{"wire_test.Row is not a struct with a field Extra of type map[string]json.RawMessage"}},
		{reflect.TypeFor[wrong](), []string{
			`wire_test.wrong.methods is tagged "methods,omitzero"`,
			`wire_test.wrong.Kept is tagged "kept"`,
			`wire_test.wrong.Nameless is tagged ",omitzero"`,
			`wire_test.wrong.Hidden is tagged "-"`,
			"wire_test.wrong.Token is a wire_test.token, whose UnmarshalJSON is not used; see Identifier",
			"wire_test.wrong.Tokens is a wire_test.token, whose UnmarshalJSON is not used; see Identifier",
			"*wire_test.bare has no UnmarshalJSON", "wire_test.bare has no MarshalJSON",
			"struct {} is not a struct with a field Extra of type map[string]json.RawMessage",
			`wire_test.wrong.Extra is tagged "extra,omitzero"`,
		}},
		{reflect.TypeFor[traits](), []string{
			`wire_test.traits.methods is tagged "-"`,
			`the wrapper "name" of wire_test.traits is a field`,
			`the alias "name" of wire_test.traits must not be a field, and "name" must be one`,
			`the alias "nmae" of wire_test.traits must not be a field, and "other" must be one`,
			`the alias "x" of wire_test.traits must not be a field, and "" must be one`,
		}},
	} {
		err := wire.Check(tt.typ)
		if err == nil {
			t.Errorf("%s: no error", tt.typ)
			continue
		}
		if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n%s\nwant\n%s", tt.typ, err, strings.Join(tt.want, "\n"))
		}
	}
}

// TestCheckFindsWhatVetFinds too: it needs types that vet does not see.
func TestCheckFindsWhatVetFinds(t *testing.T) {
	t.Parallel()
	text, keep := reflect.TypeFor[string](), reflect.StructField{Name: "Extra", Type: reflect.TypeFor[extra](), Tag: `json:",embed,unknown"`}
	twice := reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: text, Tag: `json:"a,omitzero"`}, {Name: "B", Type: text, Tag: `json:"a,omitzero"`}, keep,
	})
	if err := wire.Check(twice); err == nil || !strings.Contains(err.Error(), `has two fields named "a"`) {
		t.Errorf("%v", err)
	}
	hidden := reflect.StructOf([]reflect.StructField{{Name: "a", PkgPath: "x", Type: text, Tag: `json:"a,omitzero"`}, keep})
	if err := wire.Check(hidden); err == nil || !strings.Contains(err.Error(), `.a is tagged "a,omitzero"`) {
		t.Errorf("%v", err)
	}
}
